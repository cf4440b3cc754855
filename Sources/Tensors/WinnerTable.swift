/// `[query tokens × documents]`: which token of a document won a query token's maximum, counted from the document's start.
///
/// 16 bits while no document has more than 65,536 tokens, else 32.
package final class WinnerTable: @unchecked Sendable {
  package let rows: Int
  package let columns: Int
  private let narrow: UnsafeMutablePointer<UInt16>?
  private let wide: UnsafeMutablePointer<UInt32>?

  package init(rows: Int, columns: Int, longestDocument: Int) {
    self.rows = rows
    self.columns = columns
    let fits = longestDocument <= 1 << 16
    narrow = fits ? .allocate(capacity: max(1, rows * columns)) : nil
    wide = fits ? nil : .allocate(capacity: max(1, rows * columns))
  }

  deinit {
    narrow?.deallocate()
    wide?.deallocate()
  }

  package internal(set) subscript(row: Int, column: Int) -> Int {
    get {
      precondition(row >= 0 && row < rows && column >= 0 && column < columns)
      return self[unchecked: row * columns + column]
    }
    set {
      precondition(row >= 0 && row < rows && column >= 0 && column < columns)
      self[unchecked: row * columns + column] = newValue
    }
  }

  subscript(unchecked index: Int) -> Int {
    @inline(__always) get { narrow.map { Int($0[index]) } ?? Int(wide![index]) }
    @inline(__always) set {
      if let narrow { narrow[index] = UInt16(truncatingIfNeeded: newValue) } else { wide![index] = UInt32(newValue) }
    }
  }
}
