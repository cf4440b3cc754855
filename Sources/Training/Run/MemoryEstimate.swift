import Communication
import Datasets
import LateInteraction
import Tensors

/// The memory that a rank will need at most, by part, in bytes; of the rank that needs most of it.
struct MemoryEstimate {
  /// The program, its tokenizer and heap: what is in memory already and is none of the parts below.
  let program: Int
  /// Values and two moments of all trained tensors, and their gradients: of the word table the rows that a batch reads.
  let state: Int
  /// What the encoder and the heads keep of a chunk for its backward pass, or need to encode it.
  let activations: Int
  /// Vectors, scores, and the gradients of both, for a whole batch.
  let vectors: Int
  /// The evaluation's queries and rankings; 0 if there will be none.
  let evaluation: Int
  /// The model's files, mapped: one copy serves all ranks of a machine, and the system may drop it.
  let files: Int

  init(program: Int, state: Int, activations: Int, vectors: Int, evaluation: Int, files: Int) {
    self.program = program
    self.state = state
    self.activations = activations
    self.vectors = vectors
    self.evaluation = evaluation
    self.files = files
  }

  /// Collective: every rank calls it, with its part of the sample, when the state is in memory and no step has been made.
  ///
  /// - Parameter collection: what will be evaluated on, if anything.
  init(
    _ setup: TrainingSetup, _ texts: SampledTexts, _ collection: RetrievalCollection?, communicator: any Communicator
  ) throws {
    let needs = StepMemory(
      model: ModelShape(setup.model.model), scored: ScoredHeads(setup.objective),
      threadCount: setup.model.model.pool.threadCount, rankCount: communicator.rankCount,
      exchange: ExchangeSettings(setup.configuration.negatives),
      shardsMoments: setup.configuration.optimizer.sharding == .ranks)
    state = needs.state + needs.wordGradients(texts.shares.map(\.words))
    let program = ProcessMemory.now().anonymous - needs.state
    self.program = try communicator.allGather([max(0, program)]).joined().max() ?? 0
    activations = try communicator.largest(texts.shares.map { needs.activations($0) }, of: texts.batches)
    vectors = try communicator.largest(texts.shares.map { needs.vectors($0) }, of: texts.batches)
    evaluation = collection.map { needs.evaluation($0, vectorsPerQuery: texts.vectorsPerQuery) } ?? 0
    files = needs.files
  }

  /// The rank's own parts, those that there are.
  var parts: [(bytes: Int, name: String)] {
    [
      (program, "program"), (state, "parameters, gradients and moments"), (activations, "activations"),
      (vectors, "vectors and scores"), (evaluation, "evaluation"),
    ].filter { $0.0 > 0 }
  }

  /// Of a rank, mapped files aside.
  var total: Int { parts.reduce(0) { $0 + $1.bytes } }

  var description: String {
    """
    \(gigabytes(total)) a rank (\(parts.map { "\(gigabytes($0.bytes)) \($0.name)" }.joined(separator: ", "))), \
    and \(gigabytes(files)) of mapped model files, which the ranks of a machine share
    """
  }
}

func gigabytes(_ bytes: Int) -> String { ProgressFormat.decimals(Double(bytes) / 1e9, 2) + " GB" }

extension Communicator {
  /// The most that any rank will need for one of `batches` batches, given what each rank needs for a sample of them.
  ///
  /// Collective: every rank calls it.
  fileprivate func largest(_ needs: [Int], of batches: Int) throws -> Int {
    let all = try allGather(needs).flatMap { $0 }
    return largestNeed(all, isWhole: needs.count == batches, draws: batches * rankCount)
  }
}

/// The largest of `draws` needs, of which some are known.
///
/// If the sample is not the whole the largest is yet to come: it lies as many standard deviations above the mean as the
/// largest of so many normal numbers does (Cramér, "Mathematical Methods of Statistics", 1946, 28.6.16).
func largestNeed(_ sample: [Int], isWhole: Bool, draws: Int) -> Int {
  let most = sample.max() ?? 0
  guard !isWhole else { return most }
  let mean = sample.reduce(0.0) { $0 + Double($1) } / Double(sample.count)
  let variance = sample.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(sample.count)
  let logarithm = 2 * Tensors.logarithm(Double(draws))
  let deviations = logarithm.squareRoot() - (Tensors.logarithm(2 * .pi * logarithm)) / (2 * logarithm.squareRoot())
  return max(most, Int(mean + max(0, deviations) * variance.squareRoot()))
}
