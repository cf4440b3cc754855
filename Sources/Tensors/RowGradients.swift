/// The gradient of a table of which a batch reads few rows: only those are stored, in ascending order.
///
/// Every other row's gradient is zero. With BGE-M3's 250,002 words a dense gradient would be 1 GB to clear, to keep and
/// to send at every step.
package final class RowGradients: @unchecked Sendable {
  /// The table's, not those that are stored.
  package let rowCount: Int
  package let columns: Int
  /// Which of the table's rows are stored, ascending.
  package private(set) var rows: [Int32] = []
  /// Where each of the table's rows is stored; −1: nowhere.
  private let slots: UnsafeMutablePointer<Int32>
  private var storage = Storage(zeros: 0)

  /// The gradient of a table `[rowCount × columns]`, of which no row is stored yet.
  package init(rowCount: Int, columns: Int) {
    self.rowCount = rowCount
    self.columns = columns
    slots = .allocate(capacity: rowCount)
    slots.initialize(repeating: -1, count: rowCount)
  }

  deinit { slots.deallocate() }

  /// Stores these rows, ascending and distinct, and no others; all are zero.
  ///
  /// Memory grows by a quarter more than is needed, so that a run's steps soon allocate nothing, and never beyond the
  /// dense table's.
  package func open(_ rows: [Int32]) {
    for row in self.rows { slots[Int(row)] = -1 }
    for (slot, row) in rows.enumerated() {
      precondition(row >= 0 && row < rowCount, "row \(row) of a table of \(rowCount)")
      precondition(slot == 0 || rows[slot - 1] < row, "row \(row) after row \(rows[max(0, slot - 1)])")
      slots[Int(row)] = Int32(slot)
    }
    self.rows = rows
    if storage.count < rows.count * columns {
      storage = Storage(zeros: 0)
      storage = Storage(zeros: min(rowCount, rows.count + rows.count / 4) * columns)
    }
    clear(values)
  }

  /// The stored rows, `[rows × columns]`, valid until the next `open`.
  package var values: Matrix { storage.matrix(rows: rows.count, columns: columns) }

  /// How many stored floats lie before float `element` of the table, both counted row after row.
  package func storedCount(before element: Int) -> Int {
    let (row, column) = element.quotientAndRemainder(dividingBy: columns)
    var (slot, end) = (0, rows.count)
    while slot < end {
      let middle = (slot + end) / 2
      if Int(rows[middle]) < row { slot = middle + 1 } else { end = middle }
    }
    return slot * columns + (slot < rows.count && Int(rows[slot]) == row ? column : 0)
  }

  /// The whole table's gradient, into `[rowCount × columns]`.
  package func copy(into dense: Matrix) {
    precondition(dense.rows == rowCount && dense.columns == columns)
    scatterRows(values, rows.map(Int.init), into: dense)
  }

  /// For kernels: valid until the next `open`.
  var view: View { View(slots: UnsafePointer(slots), base: storage.base, columns: columns) }

  struct View: BitwiseCopyable {
    fileprivate let slots: UnsafePointer<Int32>
    fileprivate let base: UnsafeMutablePointer<Float>
    fileprivate let columns: Int

    /// A row of the table, or nil where it is not stored.
    @inline(__always)
    subscript(row: Int) -> UnsafeMutablePointer<Float>? {
      let slot = Int(slots[row])
      return slot < 0 ? nil : base + slot * columns
    }
  }
}
