/// Writes `parts[0] + parts[1] + …`, added from left to right, to `sum`, which may be one of the parts.
///
/// Every sum over ranks is made here, so its bits do not depend on who makes it. Each part has `count` floats.
func sumInOrder(_ parts: [UnsafePointer<Float>], count: Int, into sum: UnsafeMutablePointer<Float>) {
  let tileCount = 4096  // 16 KiB: stays in the first-level cache while the parts are added
  unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: tileCount) { tile in
    let tile = tile.baseAddress!
    for start in stride(from: 0, to: count, by: tileCount) {
      let length = min(tileCount, count - start)
      unsafe tile.initialize(from: parts[0] + start, count: length)
      for rank in unsafe 1..<parts.count { unsafe add(parts[rank] + start, count: length, to: tile) }
      unsafe (sum + start).update(from: tile, count: length)
    }
  }
}

private func add(_ values: UnsafePointer<Float>, count: Int, to sum: UnsafeMutablePointer<Float>) {
  for index in 0..<count { unsafe sum[index] += values[index] }
}
