/// The largest of `count` ≥ 1 values and the first place where it stands.
@inline(__always)
func maximum(_ values: UnsafePointer<Float>, _ count: Int) -> (value: Float, index: Int) {
  var best = -Float.infinity
  var place = 0
  let whole = count & ~15
  if whole > 0 {
    var lanes = SIMD16<Float>(repeating: -.infinity)
    var places = SIMD16<Int32>(repeating: 0)
    var here = SIMD16<Int32>(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
    for start in stride(from: 0, to: whole, by: 16) {
      let x = UnsafeRawPointer(values + start).loadUnaligned(as: SIMD16<Float>.self)
      let larger = x .> lanes
      lanes.replace(with: x, where: larger)
      places.replace(with: here, where: larger)
      here &+= 16
    }
    for lane in 0..<16 where lanes[lane] > best || (lanes[lane] == best && Int(places[lane]) < place) {
      (best, place) = (lanes[lane], Int(places[lane]))
    }
  }
  for i in whole..<count where values[i] > best { (best, place) = (values[i], i) }
  return (best, place)
}

/// The largest of `count` values.
@inline(__always)
func maximumValue(_ values: UnsafePointer<Float>, _ count: Int) -> Float {
  let whole = count & ~15
  var best = -Float.infinity
  if whole > 0 {
    var lanes = SIMD16<Float>(repeating: -.infinity)
    for start in stride(from: 0, to: whole, by: 16) {
      let x = UnsafeRawPointer(values + start).loadUnaligned(as: SIMD16<Float>.self)
      lanes.replace(with: x, where: x .> lanes)
    }
    for lane in 0..<16 { best = lanes[lane] > best ? lanes[lane] : best }
  }
  for i in whole..<count { best = values[i] > best ? values[i] : best }
  return best
}
