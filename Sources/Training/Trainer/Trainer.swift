package import Communication
package import LateInteraction
import Tensors

/// Computes the gradient of a global batch, however it is cut over ranks and chunks.
///
/// In-batch negatives span the whole global batch: every rank's documents, from every chunk. With one chunk there is one
/// pass; with more, two, as in Gao et al., "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup",
/// 2021 (GradCache): vectors of all chunks first, then chunk by chunk again with activations.
package final class Trainer {
  package let model: ColBERTModel
  private let communicator: any Communicator
  private let temperature: Float
  private let seed: UInt64
  private let arena = Arena()

  /// `model` must have been made with gradients allocated.
  package init(_ model: ColBERTModel, temperature: Float, seed: UInt64, communicator: any Communicator) {
    self.model = model
    self.temperature = temperature
    self.seed = seed
    self.communicator = communicator
  }

  /// Leaves the gradient of the global batch's loss in `model.parameters`, the same on every rank.
  ///
  /// Collective: every rank calls it, with its share of the same global batch.
  /// - Returns: what each of this rank's queries adds to the loss; the sum over all ranks is the loss.
  package func gradients(of batch: RankBatch, step: Int) throws -> [Double] {
    try model.parameters.openGradients(for: batch, communicator)
    let scored = try score(batch, step: step)
    let losses = contrastiveLosses(
      scored.result.scores, targets: batch.targets, temperature: temperature,
      globalQueryCount: batch.globalQueryCount)
    let (queryGradients, allGradients) = vectorGradients(scored)
    let documentGradients = try sendHome(allGradients, scored.rowCounts)
    backward(batch, step, queryGradients, documentGradients)
    try model.parameters.sumGradients(communicator)
    return losses
  }

  /// Encodes this rank's share and scores its queries against the documents of all ranks.
  ///
  /// Collective: every rank calls it. What it gives is valid until the next call.
  package func score(_ batch: RankBatch, step: Int) throws -> ScoredBatch {
    arena.reset()
    let (queries, documents) = encode(batch, step)
    let (all, rowCounts) = try gather(documents)
    return ScoredBatch(
      queries: queries, documents: all, rowCounts: rowCounts,
      result: maxSim(queries, all, reduction: model.reduction, keepsWinners: true, on: model.pool))
  }

  /// ∂loss/∂own query vectors and ∂loss/∂document vectors of all ranks, from ∂loss/∂scores in their place.
  private func vectorGradients(_ scored: borrowing ScoredBatch) -> (queries: Matrix, documents: Matrix) {
    let (queries, documents) = (scored.queries.rows, scored.documents.rows)
    let gradients = (
      arena.zeros(rows: queries.rows, columns: queries.columns),
      arena.zeros(rows: documents.rows, columns: documents.columns)
    )
    maxSimBackward(
      scored.result.scores, scored.queries, scored.documents, reduction: model.reduction,
      winners: scored.result.winners!, into: gradients.0, gradients.1, on: model.pool)
    return gradients
  }

  /// The vectors of every chunk's queries and documents, in order.
  private func encode(_ batch: RankBatch, _ step: Int) -> (queries: TextVectors, documents: TextVectors) {
    let queries = emptyVectors(lengths: batch.chunks.flatMap(\.queryLengths))
    let documents = emptyVectors(lengths: batch.chunks.flatMap(\.documentLengths))
    var (query, document) = (0, 0)
    for chunk in batch.chunks {
      let vectors = model.forward(chunk.tokens, moment: moment(step), keepsActivations: batch.chunks.count == 1)
      let split = chunk.queryVectorCount
      let documentCount = vectors.rows - split
      copy(vectors.rows(0..<split), to: queries.rows.rows(query..<query + split))
      copy(vectors.rows(split..<vectors.rows), to: documents.rows.rows(document..<document + documentCount))
      query += split
      document += documentCount
    }
    return (queries, documents)
  }

  /// The documents of all ranks, in the order of the global batch, and how many vectors each rank brought.
  ///
  /// Collective: every rank calls it.
  private func gather(_ documents: TextVectors) throws -> (all: TextVectors, rowCounts: [Int]) {
    let lengths = try communicator.allGather(documents.lengths)
    let rowCounts = lengths.map { $0.reduce(0, +) }
    let all = emptyVectors(lengths: lengths.flatMap { $0 })
    try documents.rows.withSpan { local in
      try all.rows.withMutableSpan { span in
        try communicator.allGather(local, into: &span, rowCounts: rowCounts, columns: all.rows.columns)
      }
    }
    return (all, rowCounts)
  }

  /// ∂loss/∂own documents, summed over the ranks that scored them: the adjoint of `gather`.
  ///
  /// Collective: every rank calls it.
  private func sendHome(_ gradients: Matrix, _ rowCounts: [Int]) throws -> Matrix {
    let home = arena.matrix(rows: rowCounts[communicator.rank], columns: gradients.columns)
    try gradients.withSpan { all in
      try home.withMutableSpan { local in
        try communicator.reduceScatterSum(all, into: &local, rowCounts: rowCounts, columns: gradients.columns)
      }
    }
    return home
  }

  /// Pulls the vectors' gradients back chunk by chunk.
  private func backward(_ batch: RankBatch, _ step: Int, _ queries: Matrix, _ documents: Matrix) {
    var (query, document) = (0, 0)
    for chunk in batch.chunks {
      if batch.chunks.count > 1 { _ = model.forward(chunk.tokens, moment: moment(step), keepsActivations: true) }
      let split = chunk.queryVectorCount
      let documentCount = chunk.tokens.vectorCount - split
      let upstream = arena.matrix(rows: chunk.tokens.vectorCount, columns: queries.columns)
      copy(queries.rows(query..<query + split), to: upstream.rows(0..<split))
      copy(documents.rows(document..<document + documentCount), to: upstream.rows(split..<upstream.rows))
      model.backward(chunk.tokens, upstream: upstream)
      query += split
      document += documentCount
    }
  }

  private func moment(_ step: Int) -> DropoutMoment { DropoutMoment(seed: seed, step: step) }

  private func emptyVectors(lengths: [Int]) -> TextVectors {
    let starts = lengths.reduce(into: [0]) { $0.append($0.last! + $1) }
    return TextVectors(rows: arena.matrix(rows: starts.last!, columns: model.head.shape.dimension), starts: starts)
  }
}

/// A rank's queries against the documents of all ranks, at one step.
package struct ScoredBatch: ~Copyable {
  /// This rank's queries.
  package let queries: TextVectors
  /// The documents of all ranks, in the order of the global batch.
  package let documents: TextVectors
  /// How many document vectors each rank brought.
  let rowCounts: [Int]
  /// `[own queries × all documents]`.
  package let result: MaxSimResult
}
