import LateInteraction
import TestSupport

@testable import Training

/// What is trained on the batch that is cut.
enum CutRun: CaseIterable, Sendable {
  /// BERT with query expansion and a skip list, summed scores.
  case pylate
  /// XLM-R, mean scores, a sparse head that the objective does not reach.
  case bgeM3
  /// With frozen words and a frozen layer.
  case listwiseTop2
  /// Nothing but heads is trained.
  case unifiedHead
  case unified, selfDistilled
  /// The last with false negatives masked.
  case masked
  /// With documents drawn at random from a corpus, of which a teacher knows nothing, and rows of one of two weighted files.
  case random
  /// Each query is told from its own documents alone, some of them random.
  case own
  /// With ColBERT losses of the first 64, 24 and 7 components.
  case matryoshka

  var settings: ModelSettings {
    let trained: LateInteraction.TrainedPart =
      switch self {
      case .listwiseTop2, .random: .top(2)
      case .unifiedHead: .head
      default: .all
      }
    return ModelSettings(
      path: fixture(self == .pylate ? "tiny-pylate" : "tiny-bge-m3"), trained: trained, dropout: 0.1)
  }

  var scope: Configuration.Scope { self == .own ? .own : .global }

  var objective: Objective {
    let weights = UnifiedTerms(dense: 1, sparse: 0.1, colbert: 1, ensemble: 1)
    return switch self {
    case .pylate: Objective(temperature: 0.5)
    case .bgeM3: Objective(temperature: 0.1, distillation: .kl)
    case .random: Objective(temperature: 0.1, distillation: .marginMSE, contrastiveWeight: 0.5)
    case .listwiseTop2: Objective(temperature: 0.1, distillation: .m3)
    case .unifiedHead: Objective(temperature: 0.1, unified: weights)
    case .unified: Objective(temperature: 0.1, unified: weights, distillation: .kl)
    case .matryoshka:
      Objective(
        temperature: 0.1, unified: weights, distillation: .kl, selfDistillationStart: CutCase.step,
        matryoshka: Matryoshka(dimensions: [64, 24, 7], weights: [1, 0.5, 2], width: 64))
    case .selfDistilled, .masked, .own:
      Objective(temperature: 0.1, unified: weights, distillation: .m3, selfDistillationStart: CutCase.step)
    }
  }
}
