import Foundation
import Testing

@testable import Training

@Suite struct ConfigurationWritingTests {
  @Test func writesEveryKeyInTheOrderOfTheContract() throws {
    #expect(
      try configuration().resolvedYAML == """
        # Every key with the value it has in this run; written by colbert.
        model:
          path: models/minilm
          dimension: null
          style: auto
          train: all
          precision: float32
          dropout: null
        data:
          train: [train.jsonl]
          batches: mixed
          query_max_length: null
          document_max_length: null
          negatives_per_query: 1
          shuffle: true
        batch:
          queries: 64
          accumulation: 1
          recompute: none
        cache:
          directory: null
          precision: float32
        loss:
          objective: colbert
          temperature: null
          distillation: none
          contrastive_weight: null
          distillation_weight: 1
          teacher_temperature: 1
          self_distillation: false
          self_distillation_start: 0
          matryoshka: null
          matryoshka_weights: null
          weights: {dense: 1, sparse: 0.1, colbert: 1, ensemble: 1}
        negatives:
          scope: global
          random: 0
          corpus: null
          gather: documents
          gather_bytes: 1000000000
          mask: none
        optimizer:
          learning_rate: 1e-05
          head_learning_rate: null
          weight_decay: 0.01
          decay: matrices
          betas: [0.9, 0.999]
          epsilon: 1e-08
          clip_norm: 1
          warmup: 0.1
          schedule: linear
          sharding: none
        run:
          directory: runs/CONFIG
          epochs: 1
          steps: null
          seed: 42
          checkpoint_every: 500
          keep: 2
          evaluate_every: 500
          timeout: 600
          overlap: true
        evaluation:
          data: null
          agreement_bound: 0.8
          keep_best: null
          early_stop: null
        mining:
          corpus: null
          negatives: 8
          first_rank: 1
          last_rank: 100
          sampling: top
          temperature: null
          min_score: null
          max_score: null
          margin: null
          relative_margin: null

        """)
  }

  @Test(arguments: [
    ("runs/a-b_c.d", "runs/a-b_c.d"), ("/abs", "\"/abs\""), ("null", "\"null\""), ("No", "\"No\""), ("on", "\"on\""),
    ("12", "\"12\""), ("a: b", "\"a: b\""), ("a #b", "\"a #b\""), ("", "\"\""), ("say \"hi\"", "\"say \\\"hi\\\"\""),
    ("C:\\x", "\"C:\\\\x\""), ("two\nlines\t", "\"two\\nlines\\t\""), ("Größe", "\"Größe\""), ("\u{7}", "\"\\u0007\""),
    ("a,b", "\"a,b\""), ("../up", "\"../up\""),
  ])
  func quotesWhatYAMLWouldTakeForSomethingElse(text: String, yaml: String) {
    #expect(ConfigurationNode.Value.string(text).flow == yaml)
  }

  @Test(arguments: [1e-5, 3.3333333333333335e-5, 0.1, 1, 600, 1e300, 123456789.123, 2.3e-308])
  func writesNumbersWithAllTheirBits(number: Double) {
    let read = ConfigurationNode.plainScalar(ConfigurationNode.Value.double(number).flow)
    #expect(read == .double(number) || read == .int(Int(exactly: number) ?? -1))
  }

  /// As ranks receive it from rank 0.
  @Test func travelsAsJSON() throws {
    var all = Configuration.changedEverywhere
    all.optimizer.learningRate = 3.3333333333333335e-5
    #expect(try JSONDecoder().decode(Configuration.self, from: JSONEncoder().encode(all)) == all)
  }

  @Test func comparesWhatMakesAnotherRun() {
    let before = Configuration()
    let changed = Set(Configuration.changedEverywhere.differences(from: before).map(\.key))
    let mayChange = [
      "batch.accumulation", "batch.recompute", "cache.directory", "negatives.gather", "negatives.gather_bytes",
      "optimizer.sharding", "run.directory", "run.epochs", "run.steps", "run.checkpoint_every", "run.keep",
      "run.evaluate_every",
      "run.timeout", "run.overlap", "evaluation.agreement_bound", "evaluation.early_stop",
    ]
    let keys = before.leaves.map(\.key).filter { !$0.hasPrefix("mining.") }
    #expect(changed == Set(keys).subtracting(mayChange))
    #expect(before.differences(from: before).isEmpty)
  }

  /// Where files are does not matter to a checkpoint that knows what they hold.
  @Test func leavesFilesToTheCheckpoint() {
    var (before, now) = (Configuration(), Configuration())
    (before.data.train, before.negatives.corpus) = (["a.jsonl"], "corpus.jsonl")
    (now.data.train, now.negatives.corpus) = (["b.jsonl"], nil)
    #expect(now.differences(from: before).map(\.key) == ["data.train", "negatives.corpus"])
    #expect(now.differences(from: before, comparesData: true).isEmpty)
    now.data.train[0].weight = 2
    #expect(
      now.differences(from: before, comparesData: true).map(\.description) == [
        "data.train: [a.jsonl] before, [{file: b.jsonl, weight: 2}] now"
      ])
  }

  /// A checkpoint of an older version lacks the keys that have come since.
  @Test func readsWhatAnOlderVersionStored() throws {
    let json =
      #"{"model": {"path": "m"}, "data": {"train": ["a.jsonl"], "negativesPerQuery": 3}, "run": {"seed": 5}}"#
    var expected = Configuration()
    (expected.model.path, expected.data.train, expected.data.negativesPerQuery, expected.run.seed) =
      ("m", ["a.jsonl"], 3, 5)
    #expect(try Configuration(storedJSON: json) == expected)
    let all = Configuration.changedEverywhere
    let stored = String(decoding: try JSONEncoder().encode(all), as: UTF8.self)
    #expect(try Configuration(storedJSON: stored) == all)
    #expect(throws: DecodingError.self) { try Configuration(storedJSON: "{\"model\": {\"path\": 1}}") }
  }

  @Test func saysWhatWasAndWhatIs() {
    var now = Configuration()
    now.optimizer.learningRate = 3e-5
    now.model.train = .top(2)
    #expect(
      now.differences(from: Configuration()).map(\.description)
        == ["model.train: all before, {top: 2} now", "optimizer.learning_rate: 1e-05 before, 3e-05 now"])
  }
}

extension Configuration {
  /// A configuration that differs from the defaults in every key: what was read is what was written.
  static let changedEverywhere: Configuration = {
    var all = Configuration()
    all.model = Model(
      path: "models/a: b #c", dimension: 96, style: .bgeM3, train: .top(2), precision: .bfloat16, dropout: 0.25)
    all.data = Data(
      train: ["a.jsonl", TrainingFile(path: "no", weight: 0.5)], batches: .oneFile,
      queryMaxLength: 16, documentMaxLength: 300, negativesPerQuery: 0, shuffle: false)
    all.batch = Batch(queries: 12, accumulation: 3, recompute: .layers)
    all.loss = Loss(
      objective: .unified, temperature: 0.02, distillation: .m3, contrastiveWeight: 0.5, distillationWeight: 2,
      teacherTemperature: 2, selfDistillation: true,
      selfDistillationStart: 3, matryoshka: [96, 48], matryoshkaWeights: [1, 0.5],
      weights: LossWeights(dense: 2, sparse: 0.3, colbert: 4, ensemble: 5))
    all.negatives = Negatives(
      scope: .own, random: 2, corpus: "data/beir", gather: .auto, gatherBytes: 1, mask: .duplicates)
    all.optimizer = Optimizer(
      learningRate: 2e-5, headLearningRate: 1e-3, weightDecay: 0, decay: .all, betas: [0.8, 0.99], epsilon: 1e-6,
      clipNorm: nil, warmup: 10, schedule: .cosine, sharding: .ranks)
    all.run = Run(
      directory: "runs/ö", epochs: 2, steps: 7, seed: 1, checkpointEvery: 3, keep: 1, evaluateEvery: 4, timeout: 1.5,
      overlap: false)
    all.cache = Cache(directory: "cache", precision: .bfloat16)
    all.evaluation = Evaluation(data: "data/beir", agreementBound: nil, keepBest: .ndcgAt10, earlyStop: 2)
    return all
  }()
}
