package import Tensors

/// Keeps what the frozen lower layers make of texts, so that it is computed once.
///
/// Frozen layers never drop out and a text's hidden states are the same bits whatever else its chunk holds: they are a
/// function of its token ids and its number of keys alone.
package protocol FrozenPrefixStates: AnyObject {
  /// Fills the rows of `hidden`, `[tokens × width]`, of the texts that are known; gives the numbers of the others, in order.
  func read(_ batch: TokenBatch, into hidden: Matrix) -> [Int]

  /// Keeps the hidden states of the texts of `batch`, and makes of `hidden` in place what `read` will give for them.
  func keep(_ hidden: Matrix, of batch: TokenBatch)
}

extension TokenBatch {
  /// Some of the texts, laid end to end; nobody asks which of their tokens give vectors.
  func prefixInput(of texts: [Int]) -> TokenBatch {
    var batch = TokenBatch()
    for text in texts {
      let ids = Array(ids[starts[text]..<starts[text + 1]])
      batch.append(
        ids, keyCount: keyCounts[text], givesVector: [Bool](repeating: false, count: ids.count), place: places[text])
    }
    return batch
  }
}
