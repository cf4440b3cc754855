import Communication
import LateInteraction
import Tensors

extension Communicator {
  /// The texts of all ranks, in the order of ranks.
  ///
  /// Collective: every rank calls it.
  /// - Parameters:
  ///   - lengths: how many vectors each text of each rank has.
  ///   - gather: what gathers the vectors, if their gather has begun.
  func allGather(
    _ local: EncodedTexts, lengths: [[Int]], gather: VectorGather? = nil, in arena: Arena
  ) throws -> EncodedTexts {
    let textCounts = lengths.map(\.count)
    try gather?.finish()
    return EncodedTexts(
      vectors: try gather.map { TextVectors(rows: $0.vectors, lengths: lengths) }
        ?? allGather(local.vectors, lengths: lengths, in: arena),
      dense: try local.dense.map { try allGather($0, rowCounts: textCounts, in: arena) },
      sparse: try local.sparse.map { sparse in
        let ids = try allGather(sparse.ids.map(Int.init)).joined().map(Int32.init)
        let lengths = try allGather(sparse.weights.lengths)
        return SparseVectors(ids: ids, weights: try allGather(sparse.weights, lengths: lengths, in: arena))
      })
  }

  /// The gradient of this rank's texts, summed over the ranks that used them: the adjoint of `allGather`.
  ///
  /// Collective: every rank calls it.
  /// - Parameter textCounts: how many texts each rank brought.
  func reduceScatterSum(_ all: EncodedTexts, textCounts: [Int], in arena: Arena) throws -> EncodedTexts {
    func home(_ texts: TextVectors) throws -> Matrix {
      try reduceScatterSum(texts.rows, rowCounts: texts.rowCounts(textCounts), in: arena)
    }
    let first = textCounts[..<rank].reduce(0, +)
    return all.texts(first..<first + textCounts[rank]).with(
      vectors: try home(all.vectors),
      dense: try all.dense.map { try reduceScatterSum($0, rowCounts: textCounts, in: arena) },
      weights: try (all.sparse?.weights).map(home))
  }

  private func allGather(_ local: TextVectors, lengths: [[Int]], in arena: Arena) throws -> TextVectors {
    let rows = try allGather(local.rows, rowCounts: lengths.map { $0.reduce(0, +) }, in: arena)
    return TextVectors(rows: rows, lengths: lengths)
  }

  private func allGather(_ local: Matrix, rowCounts: [Int], in arena: Arena) throws -> Matrix {
    let all = arena.matrix(rows: rowCounts.reduce(0, +), columns: local.columns)
    try local.withSpan { local in
      try all.withMutableSpan { try allGather(local, into: &$0, rowCounts: rowCounts, columns: all.columns) }
    }
    return all
  }

  private func reduceScatterSum(_ all: Matrix, rowCounts: [Int], in arena: Arena) throws -> Matrix {
    let home = arena.matrix(rows: rowCounts[rank], columns: all.columns)
    try all.withSpan { all in
      try home.withMutableSpan { try reduceScatterSum(all, into: &$0, rowCounts: rowCounts, columns: home.columns) }
    }
    return home
  }
}

extension TextVectors {
  /// - Parameter lengths: how many rows each text of each rank has.
  fileprivate init(rows: Matrix, lengths: [[Int]]) {
    self.init(rows: rows, starts: lengths.joined().reduce(into: [0]) { $0.append($0.last! + $1) })
  }

  /// How many rows each run of as many texts has.
  fileprivate func rowCounts(_ textCounts: [Int]) -> [Int] {
    var text = 0
    return textCounts.map { count in
      defer { text += count }
      return starts[text + count] - starts[text]
    }
  }
}
