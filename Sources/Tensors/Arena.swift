internal import Glibc

/// Memory for the matrices of one pass: taken piece by piece, given back all at once, and kept for the next pass.
///
/// A pass that needs no more than an earlier one allocates nothing. Slabs come from the system and go back to it: `malloc`
/// would keep many of those that are given back, beside the large one that takes their place.
package final class Arena: @unchecked Sendable {
  private var slabs: [UnsafeMutableRawBufferPointer] = []
  private var used = 0
  private var total = 0

  package init() {}

  deinit { removeSlabs() }

  /// A `[rows × columns]` matrix with undefined contents, valid until `reset`.
  package func matrix(rows: Int, columns: Int) -> Matrix {
    let bytes = (rows * columns * 4 + 63) & ~63
    if slabs.isEmpty || used + bytes > slabs.last!.count { addSlab(atLeast: bytes) }
    let base = slabs.last!.baseAddress! + used
    used += bytes
    total += bytes
    return Matrix(base: base.bindMemory(to: Float.self, capacity: max(1, rows * columns)), rows: rows, columns: columns)
  }

  /// The same, filled with zeros.
  package func zeros(rows: Int, columns: Int) -> Matrix {
    let matrix = matrix(rows: rows, columns: columns)
    matrix.base.update(repeating: 0, count: matrix.count)
    return matrix
  }

  /// Gives everything back: no matrix of this arena may be used any more.
  package func reset() {
    if slabs.count > 1 {
      removeSlabs()
      addSlab(atLeast: total)
    }
    used = 0
    total = 0
  }

  private func addSlab(atLeast bytes: Int) {
    let count = max(bytes, 1 << 22)
    let base = mmap(nil, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let base, base != MAP_FAILED else { fatalError("out of memory: the system has no \(count) bytes to give") }
    slabs.append(UnsafeMutableRawBufferPointer(start: base, count: count))
    used = 0
  }

  private func removeSlabs() {
    for slab in slabs { munmap(slab.baseAddress, slab.count) }
    slabs = []
  }
}
