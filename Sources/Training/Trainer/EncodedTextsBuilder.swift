import LateInteraction
import Tensors

/// Room for what the heads make of a share's texts, filled chunk by chunk.
struct EncodedTextsBuilder {
  private let vectors: Matrix
  private let dense: Matrix?
  private var weights: [Float] = []
  private var ids: [Int32] = []
  private var vectorStarts = [0]
  private var entryStarts = [0]
  private let arena: Arena

  /// - Parameters:
  ///   - lengths: how many vectors each text will have.
  ///   - vectors: where they are to lie; nil for anywhere in `arena`.
  init(lengths: [Int], heads: Heads, shape: HeadShape, vectors: Matrix?, in arena: Arena) {
    self.vectors = vectors ?? arena.matrix(rows: lengths.reduce(0, +), columns: shape.dimension)
    dense = heads == .all ? arena.matrix(rows: lengths.count, columns: shape.width) : nil
    self.arena = arena
  }

  /// Copies the next texts.
  mutating func append(_ texts: EncodedTexts) {
    let (firstText, firstRow) = (vectorStarts.count - 1, vectorStarts.last!)
    copy(texts.vectors.rows, to: vectors.rows(firstRow..<firstRow + texts.vectors.rows.rows))
    vectorStarts += texts.vectors.starts.dropFirst().map { $0 + firstRow }
    guard let dense, let sparse = texts.sparse else { return }
    copy(texts.dense!, to: dense.rows(firstText..<firstText + texts.count))
    entryStarts += sparse.weights.starts.dropFirst().map { $0 + ids.count }
    ids += sparse.ids
    weights += sparse.weights.rows.values
  }

  /// All texts, once each has been appended.
  var texts: EncodedTexts {
    guard let dense else { return EncodedTexts(vectors: TextVectors(rows: vectors, starts: vectorStarts)) }
    let entries = arena.matrix(rows: weights.count, columns: 1)
    entries.assign(weights)
    return EncodedTexts(
      vectors: TextVectors(rows: vectors, starts: vectorStarts), dense: dense,
      sparse: SparseVectors(ids: ids, weights: TextVectors(rows: entries, starts: entryStarts)))
  }
}
