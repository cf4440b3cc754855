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

  /// Twice the room that the pass has asked for so far: a longer batch is the rule, and pages that nobody touches cost nothing.
  private func addSlab(atLeast bytes: Int) {
    let roomy = max(2 * max(bytes, total), 1 << 22)
    guard let slab = pages(roomy) ?? pages(bytes) else {
      fatalError("out of memory: the system has no \(bytes) bytes to give")
    }
    slabs.append(slab)
    used = 0
  }

  private func removeSlabs() {
    for slab in slabs { munmap(slab.baseAddress, slab.count) }
    slabs = []
  }
}

/// 2 MiB on x86-64, and a good size elsewhere.
private let largePage = 1 << 21

/// Untouched pages of at least `bytes`, large ones where the system gives them; nil if it refuses.
///
/// With small ones a sixth of a step's time went into finding and clearing them.
private func pages(_ bytes: Int) -> UnsafeMutableRawBufferPointer? {
  let count = (bytes + largePage - 1) & ~(largePage - 1)
  let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
  guard let base = mmap(nil, count + largePage, PROT_READ | PROT_WRITE, flags, -1, 0), base != MAP_FAILED else {
    return nil
  }
  let before = -Int(bitPattern: base) & (largePage - 1)
  if before > 0 { munmap(base, before) }
  munmap(base + before + count, largePage - before)
  madvise(base + before, count, MADV_HUGEPAGE)
  return UnsafeMutableRawBufferPointer(start: base + before, count: count)
}
