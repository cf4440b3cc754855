/// Rows of one or more sequences laid end to end: no padding, so no masks.
package struct RaggedRows: ~Copyable, Sendable {
  package var values: Storage
  /// Sequence `i` is rows `starts[i] ..< starts[i + 1]`.
  package let starts: [Int]
  package let columns: Int

  package init(starts: [Int], columns: Int) {
    self.starts = starts
    self.columns = columns
    values = Storage(zeros: starts.last! * columns)
  }

  package var sequenceCount: Int { starts.count - 1 }
  package var rowCount: Int { starts.last! }

  /// Every row: `[rows × columns]`.
  package var matrix: Matrix { values.matrix(rows: rowCount, columns: columns) }
}
