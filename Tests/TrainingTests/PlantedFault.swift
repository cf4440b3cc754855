import Communication
import LateInteraction
import Tensors

@testable import Training

/// Faults that the comparison must notice: it could otherwise pass for no reason.
enum PlantedFault: CaseIterable, Sendable {
  /// As by averaging where a sum belongs, and the other way round.
  case gradientTimesRanks
  /// Dropout drawn by where a text lies on its rank.
  case localRowInDropoutKey
  /// On the last rank, so that the other targets stay what they are.
  case lastChunkDropped

  /// Whether a cut shows the fault at all.
  func shows(rankCount: Int, accumulation: Int) -> Bool {
    switch self {
    case .gradientTimesRanks: rankCount > 1
    case .localRowInDropoutKey: rankCount > 1 || accumulation > 1
    case .lastChunkDropped: accumulation > 1
    }
  }

  func applied(to batch: RankBatch, onLastRank isLast: Bool) -> RankBatch {
    switch self {
    case .gradientTimesRanks: return batch
    case .localRowInDropoutKey:
      var local = 0
      return RankBatch(
        chunks: batch.chunks.map { chunk in
          defer { local += chunk.queryCount }
          let slots = chunk.tokens.places.prefix(chunk.queryCount).map(\.slot)
          return chunk.replaced { Place(slot: local + slots.firstIndex(of: $0.slot)!, text: $0.text) }
        }, globalQueryCount: batch.globalQueryCount, globalDocumentCount: batch.globalDocumentCount,
        targets: batch.targets)
    case .lastChunkDropped:
      guard isLast else { return batch }
      let chunks = Array(batch.chunks.dropLast())
      let queries = chunks.reduce(0) { $0 + $1.queryCount }
      return RankBatch(
        chunks: chunks, globalQueryCount: batch.globalQueryCount, globalDocumentCount: batch.globalDocumentCount,
        targets: Array(batch.targets.prefix(queries)))
    }
  }
}

extension Chunk {
  /// The same texts at other places.
  fileprivate func replaced(_ place: (Place) -> Place) -> Chunk {
    let texts = (0..<tokens.textCount).map { text -> PlacedText in
      let range = tokens.starts[text]..<tokens.starts[text + 1]
      let counted = Set(tokens.vectorTokens[tokens.vectorStarts[text]..<tokens.vectorStarts[text + 1]])
      return PlacedText(
        ids: Array(tokens.ids[range]), keyCount: tokens.keyCounts[text], givesVector: range.map(counted.contains),
        place: place(tokens.places[text]))
    }
    return Chunk(queries: Array(texts.prefix(queryCount)), documents: Array(texts.dropFirst(queryCount)))
  }
}

/// A communicator whose gradient sums come out multiplied by the number of ranks.
final class GradientTimesRanks: ForwardingCommunicator {
  let base: any Communicator
  init(_ base: any Communicator) { self.base = base }

  func beginSum(_ values: any LastingFloats) throws(CommunicationError) {
    try values.withMutableSpan { (values) throws(CommunicationError) in
      try base.allReduceSum(&values)
      for i in 0..<values.count { values[i] *= Float(rankCount) }
    }
  }
}
