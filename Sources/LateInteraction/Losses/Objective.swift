import Tensors

/// What training makes small: contrastive losses (InfoNCE) of queries over all documents of the global batch, of one head
/// or of BGE-M3's three, with or without a teacher.
///
/// - Source: van den Oord et al., "Representation Learning with Contrastive Predictive Coding", 2018, equation 4;
///   Chen et al., "BGE M3-Embedding", 2024, section 3.3; FlagEmbedding `AbsModeling.py` and `m3/modeling.py`.
package struct Objective: Sendable, Equatable {
  /// Scores are divided by it.
  package var temperature: Double
  /// The weights of BGE-M3's unified objective; nil: ColBERT's scores alone.
  package var unified: UnifiedTerms?
  package var distillation: Distillation
  /// The weight of the loss with the positive as target, and of what the teacher says.
  package var contrastiveWeight: Double
  package var distillationWeight: Double
  /// Teacher scores are divided by it.
  package var teacherTemperature: Double
  /// The step, from 0, at which the ensemble begins to teach its parts; nil: never. Only with `unified`.
  package var selfDistillationStart: Int?
  /// The dimensions that the ColBERT loss is summed over.
  package var matryoshka: Matryoshka

  /// - Parameter contrastiveWeight: nil: 1, but 0 beside a teacher who stands alone.
  package init(
    temperature: Double, unified: UnifiedTerms? = nil, distillation: Distillation = .none,
    contrastiveWeight: Double? = nil, distillationWeight: Double = 1, teacherTemperature: Double = 1,
    selfDistillationStart: Int? = nil, matryoshka: Matryoshka = .none
  ) {
    precondition(unified != nil || selfDistillationStart == nil, "ColBERT alone has no ensemble to learn from")
    self.temperature = temperature
    self.unified = unified
    self.distillation = distillation
    self.contrastiveWeight = contrastiveWeight ?? (distillation.standsAlone ? 0 : 1)
    self.distillationWeight = distillationWeight
    self.teacherTemperature = teacherTemperature
    self.selfDistillationStart = selfDistillationStart
    self.matryoshka = matryoshka
  }

  package var heads: Heads { unified == nil ? .colbert : .all }
  /// Of which scores are needed beside those of the whole vectors.
  package var narrowerDimensions: [Int] { matryoshka.narrower.map(\.dimension) }
}

/// How teacher scores of a query's own documents enter its loss.
package enum Distillation: Sendable, Equatable {
  /// Not at all: the target is the positive.
  case none
  /// `−Σ teacher · log softmax` over the query's own documents, beside the loss with the positive as target.
  case kl
  /// `Σ_i teacher_i · cross-entropy with target i` over all documents but the own ones before i, alone.
  case m3
  /// The mean over the query's own negatives of `(margin of the positive − the teacher's margin)²`, alone.
  ///
  /// - Source: Hofstätter et al., "Improving Efficient Neural Ranking Models with Cross-Architecture Knowledge Distillation",
  ///   2020, equation 3.
  case marginMSE

  /// Whether it takes the place of the loss with the positive as target, unless that has a weight.
  fileprivate var standsAlone: Bool { self == .m3 || self == .marginMSE }
}

/// A query's own documents among the columns of a score matrix.
package struct QueryTarget: Sendable, Equatable {
  /// Those of its row, the positive first.
  package let columns: Range<Int>
  /// How many stand behind them that were drawn for it at random. A teacher knows them no more than other queries' documents.
  package let randomCount: Int
  /// The teacher's raw score of each; nil if there is no teacher.
  package let teacherScores: [Double]?
  /// Documents that answer the query without being its target, ascending: they are in no softmax.
  package let masked: [Int]
  /// The documents that the query is told from, its own among them, ascending; nil: all.
  package let scope: [Range<Int>]?

  package init(
    columns: Range<Int>, randomCount: Int = 0, teacherScores: [Double]? = nil, masked: [Int] = [],
    scope: [Range<Int>]? = nil
  ) {
    precondition(!columns.isEmpty && randomCount >= 0, "a query without a positive, or \(randomCount) random documents")
    precondition(
      teacherScores == nil || teacherScores!.count == columns.count,
      "\(teacherScores!.count) teacher scores for \(columns.count) documents")
    precondition(!masked.contains(columns.lowerBound), "the positive is masked")
    self.columns = columns
    self.randomCount = randomCount
    self.teacherScores = teacherScores
    self.masked = masked
    self.scope = scope
  }

  /// All documents that came with the query.
  package var documents: Range<Int> { columns.lowerBound..<columns.upperBound + randomCount }

  /// What a softmax may run over in a stretch of the columns: those in scope without those that are masked.
  func unmasked(_ range: Range<Int>) -> [Range<Int>] {
    (scope ?? [range]).flatMap { withoutMasked($0.clamped(to: range)) }
  }

  private func withoutMasked(_ range: Range<Int>) -> [Range<Int>] {
    var (start, parts) = (range.lowerBound, [Range<Int>]())
    for column in masked where range.contains(column) {
      if start < column { parts.append(start..<column) }
      start = column + 1
    }
    if start < range.upperBound { parts.append(start..<range.upperBound) }
    return parts
  }
}

/// What one query adds to the loss.
package struct QueryLoss: Sendable, Equatable {
  package var value: Double
  /// The terms of the unified objective, before their weights.
  package var terms: UnifiedTerms?
}

extension Objective {
  /// Each query's part of the loss; `scores` are overwritten with ∂loss/∂scores.
  ///
  /// Both are divided once by `globalQueryCount`, so that parts of a batch add up to the whole.
  /// - Parameters:
  ///   - scores: `[queries × documents]`, of `narrowerDimensions` too; dense and sparse ones if the objective is unified.
  ///   - targets: one a query; with distillation they have teacher scores.
  package func losses(
    _ scores: ScoreMatrices, targets: [QueryTarget], step: Int, globalQueryCount: Int
  ) -> [QueryLoss] {
    precondition(
      targets.count == scores.colbert.rows, "\(targets.count) targets for \(scores.colbert.rows) queries")
    precondition(
      scores.narrower.count == matryoshka.narrower.count,
      "scores of \(scores.narrower.count) narrower dimensions for \(matryoshka.narrower.count)")
    let share = 1 / Double(globalQueryCount)
    return targets.enumerated().map { query, target in
      func row(_ matrix: Matrix) -> ScoreRow { ScoreRow(matrix.rows(query..<query + 1), temperature: temperature) }
      let (colbert, narrower) = (row(scores.colbert), scores.narrower.map(row))
      guard let unified else {
        let loss = MatryoshkaLoss(
          headLoss(colbert.logits, target), narrower.map { headLoss($0.logits, target) }, matryoshka)
        for (row, slopes) in zip([colbert] + narrower, [loss.slopes] + loss.narrowerSlopes) {
          row.assign(slopes: slopes, times: share)
        }
        return QueryLoss(value: loss.value * share)
      }
      let heads = [row(scores.dense!), row(scores.sparse!), colbert]
      let distillsItself = selfDistillationStart.map { step >= $0 } ?? false
      let columns = target.unmasked(0..<scores.colbert.columns)
      let loss = UnifiedLoss(
        heads.map(\.logits), narrower: narrower.map(\.logits), matryoshka, over: columns, weights: unified,
        distillsItself: distillsItself
      ) { headLoss($0, target) }
      for (row, slopes) in zip(heads + narrower, loss.slopes) { row.assign(slopes: slopes, times: share) }
      return QueryLoss(value: loss.value * share, terms: loss.terms.times(share))
    }
  }

  /// The loss of one query's logits under one head, by the rule that all heads share.
  private func headLoss(_ logits: [Double], _ target: QueryTarget) -> RowLoss {
    let own = target.columns
    var loss = RowLoss(logits)
    if contrastiveWeight > 0 {
      loss.addCrossEntropy([contrastiveWeight], from: own.lowerBound, over: target.unmasked(0..<logits.count))
    }
    guard distillation != .none else { return loss }
    guard let scores = target.teacherScores else { preconditionFailure("distillation without teacher scores") }
    addTeacher(scores.map { $0 / teacherTemperature }, target, to: &loss)
    return loss
  }

  /// - Parameter scores: the teacher's, of the query's own documents, divided by its temperature.
  private func addTeacher(_ scores: [Double], _ target: QueryTarget, to loss: inout RowLoss) {
    let own = target.columns
    let answers = target.unmasked(own)
    if distillation == .marginMSE {
      loss.addMarginErrors(scores, from: own.lowerBound, over: answers, weight: distillationWeight)
      return
    }
    let teacher = softmax(scores, over: answers.map { $0.shifted(by: -own.lowerBound) }).map { $0 * distillationWeight }
    if distillation == .kl { loss.addCrossEntropy(teacher, from: own.lowerBound, over: answers) }
    if distillation == .m3 {
      for column in answers.joined() {
        loss.addCrossEntropy(
          [teacher[column - own.lowerBound]], from: column,
          over: target.unmasked(0..<own.lowerBound) + target.unmasked(column..<loss.logits.count))
      }
    }
  }
}

/// One query's row of a score matrix, as logits; takes their slopes in its place.
private struct ScoreRow {
  let logits: [Double]
  private let row: Matrix
  private let temperature: Double

  init(_ row: Matrix, temperature: Double) {
    self.row = row
    self.temperature = temperature
    logits = row.values.map { Double($0) / temperature }
  }

  func assign(slopes: [Double], times share: Double) {
    row.assign(slopes.map { Float($0 * share / temperature) })
  }
}
