/// The rows of one training file, and how often an epoch takes them.
///
/// An epoch takes `round(weight · rows)` rows of it, at least one. They are the next ones of an endless sequence that goes
/// through all rows again and again: with weight 2 each row comes twice an epoch, with 0.5 every other epoch. So after any
/// number of epochs no row of the file was taken more than once oftener than another.
package struct SampledFile: Equatable, Sendable {
  /// By their numbers among the rows of all files.
  let rows: Range<Int>
  let rowsPerEpoch: Int

  package init(rows: Range<Int>, weight: Double = 1) {
    precondition(!rows.isEmpty && weight > 0, "\(rows.count) rows with weight \(weight)")
    self.rows = rows
    rowsPerEpoch = max(1, Int((weight * Double(rows.count)).rounded()))
  }

  /// Whether every epoch takes all rows equally often: then it does not matter in which order the sequence has them.
  var takesAllAlike: Bool { rowsPerEpoch.isMultiple(of: rows.count) }

  /// Which pass through the rows the `index`-th of an epoch's rows belongs to, and where in the pass it stands.
  func position(_ index: Int, epoch: Int) -> (pass: Int, place: Int) {
    let (pass, place) = (epoch * rowsPerEpoch + index).quotientAndRemainder(dividingBy: rows.count)
    return (pass, place)
  }

  /// How many batches an epoch has of its rows alone.
  func batches(of queries: Int) -> Int { (rowsPerEpoch - 1) / queries + 1 }
}

/// What the batches of an epoch are cut from.
package enum BatchSource: Sendable {
  /// The rows of all files in one order.
  case mixed
  /// Each global batch from one file.
  case oneFile
}

extension Sequence<Int> {
  /// Which of these parts, laid end to end, `index` lies in, and where in it.
  func part(of index: Int) -> (part: Int, index: Int) {
    var start = 0
    for (part, count) in enumerated() {
      if index < start + count { return (part, index - start) }
      start += count
    }
    preconditionFailure("index \(index) of \(start)")
  }
}
