import LateInteraction
import TestSupport
import Testing

@testable import Training

@Suite struct ConfigurationReadingTests {
  @Test(arguments: [
    ("model.pth", "model.path"), ("optimizer.learning-rate", "optimizer.learning_rate"),
    ("optimizer.lr", "optimizer.learning_rate"), ("learning_rate", "optimizer.learning_rate"),
    ("run.learning_rate", "optimizer.learning_rate"), ("modle", "model"), ("optimiser", "optimizer"),
    ("loss.weights.dens", "loss.weights.dense"), ("run.step", "run.steps"), ("data.trian", "data.train"),
    ("data.batch", "data.batches"), ("negatives.randon", "negatives.random"), ("negatives.corpora", "negatives.corpus"),
    ("run.checkpoint_evry", "run.checkpoint_every"), ("batch.accumulate", "batch.accumulation"),
  ])
  func namesTheNearestKey(key: String, nearest: String) {
    #expect(
      problems { try configuration((7, key, .int(1))) }
        == ["CONFIG.yaml:7: \(key) is not a known key; did you mean \(nearest)?"])
  }

  @Test(
    arguments: [
      ("optimizer.learning_rate", .string("abc"), "expected a number, found the text \"abc\""),
      ("optimizer.learning_rate", .null, "expected a number, found nothing (null)"),
      ("optimizer.epsilon", .double(.infinity), "expected a number, found inf"),
      ("batch.queries", .double(1.5), "expected a whole number, found 1.5"),
      ("batch.queries", .bool(true), "expected a whole number, found true"),
      ("run.steps", .string("many"), "expected a whole number, found the text \"many\""),
      ("data.shuffle", .string("yes"), "expected true or false, found the text \"yes\""),
      ("model.path", .int(3), "expected text, found 3"),
      ("data.train", .string("a.jsonl"), "expected a list, found the text \"a.jsonl\"; write [a.jsonl]"),
      ("data.train", map("file", .null), "expected a list, found a map"),
      ("model.train", .string("tail"), "expected head, all or {top: K}, found the text \"tail\""),
      ("loss.weights", .int(1), "expected a map of keys and values, found 1"),
      ("optimizer", .string("adam"), "expected a map of keys and values, found the text \"adam\""),
      ("model.style", .string("bge"), "expected one of auto, bge-m3, colbert, found the text \"bge\""),
      ("optimizer.schedule", .bool(true), "expected one of linear, cosine, constant, found true"),
    ] as [(String, ConfigurationNode.Value, String)])
  func saysWhichTypeIsExpected(key: String, value: ConfigurationNode.Value, message: String) {
    #expect(problems { try configuration((9, key, value)) } == ["CONFIG.yaml:9: \(key): \(message)"])
  }

  @Test(
    arguments: [
      ("model.dimension", .int(0), "0", "1 or more, or null"),
      ("model.dropout", .int(1), "1", "at least 0 and below 1, or null"),
      ("data.train", list(), "[]", "a list of one or more .jsonl files"),
      ("data.query_max_length", .int(2), "2", "3 or more, or null"),
      ("data.negatives_per_query", .int(-1), "-1", "0 or more"),
      ("batch.queries", .int(0), "0", "1 or more"),
      ("batch.accumulation", .int(-2), "-2", "1 or more"),
      ("loss.temperature", .int(0), "0", "more than 0, or null"),
      ("loss.weights.sparse", .double(-0.5), "-0.5", "0 or more"),
      ("optimizer.learning_rate", .double(-1e-5), "-1e-05", "0 or more"),
      ("optimizer.betas", list(.double(0.9)), "[0.9]", "two numbers, each at least 0 and below 1"),
      ("optimizer.betas", list(.double(0.9), .int(1)), "[0.9, 1]", "two numbers, each at least 0 and below 1"),
      ("optimizer.clip_norm", .int(0), "0", "more than 0, or null"),
      (
        "optimizer.warmup", .double(1.5), "1.5",
        "a share of the steps (at least 0 and below 1) or a whole number of steps"
      ),
      ("run.steps", .int(0), "0", "1 or more, or null"),
      ("run.checkpoint_every", .int(0), "0", "1 or more"),
      ("loss.teacher_temperature", .int(0), "0", "more than 0"),
      ("loss.self_distillation_start", .int(-1), "-1", "0 or more"),
      ("negatives.gather_bytes", .int(0), "0", "1 or more"),
      ("negatives.random", .int(-1), "-1", "0 or more"),
      (
        "negatives.corpus", .string(""), "\"\"",
        "a file of {\"text\": …} lines or a folder in BEIR's layout, or null"
      ),
      ("loss.weights.sparse", .int(-1), "-1", "0 or more"),
      ("run.timeout", .int(0), "0", "more than 0"),
      ("loss.matryoshka", list(), "[]", Self.dimensions),
      ("loss.matryoshka", list(.int(64), .int(128)), "[64, 128]", Self.dimensions),
      ("loss.matryoshka", list(.int(64), .int(64)), "[64, 64]", Self.dimensions),
      ("loss.matryoshka", list(.int(64), .int(0)), "[64, 0]", Self.dimensions),
      ("loss.matryoshka_weights", list(.int(0)), "[0]", "a list of numbers, each more than 0, or null"),
      ("run.directory", .string(""), "\"\"", "the folder of the run's files"),
      ("evaluation.agreement_bound", .double(1.5), "1.5", "between 0 and 1, or null"),
    ] as [(String, ConfigurationNode.Value, String, String)])
  func saysWhichRangeIsAllowed(key: String, value: ConfigurationNode.Value, shown: String, range: String) {
    #expect(
      problems { try configuration((4, key, value)) }
        == ["CONFIG.yaml:4: \(key): \(shown) is out of range; it must be \(range)"])
  }

  private static let dimensions =
    "a list of dimensions, each 1 or more and less than the one before it, such as [128, 64, 32], or null"

  @Test func saysWhichDimensionsDoNotFit() throws {
    let model = ConfigurationNode.Value.string(fixture("tiny-pylate"))
    func found(_ values: (Int, String, ConfigurationNode.Value)...) -> [String] {
      problems {
        try Configuration(
          tree([(1, "model.path", model), (2, "data.train", list(.string("a.jsonl")))] + values), checking: .model)
      }
    }
    #expect(
      found((3, "loss.matryoshka", list(.int(48), .int(32)))) == [
        "CONFIG.yaml:3: loss.matryoshka: the first 48 components are more than the 32 that the model's vectors have; leave it out"
      ])
    #expect(found((4, "loss.matryoshka", list(.int(32), .int(8)))) == [])
    #expect(
      found((4, "loss.matryoshka", list(.int(32), .int(8))), (5, "loss.matryoshka_weights", list(.int(1)))) == [
        "CONFIG.yaml:5: loss.matryoshka_weights: 1 weights for the 2 dimensions of loss.matryoshka; give one for each"
      ])
    #expect(
      found((5, "loss.matryoshka_weights", list(.int(1)))) == [
        "CONFIG.yaml:5: loss.matryoshka_weights: they weigh the losses of loss.matryoshka; give its dimensions"
      ])
  }

  @Test func reportsEverythingInTheOrderOfTheLines() {
    let found = problems {
      try Configuration(
        tree([
          (3, "run.keep", .int(0)), (1, "optimizer.lr", .int(1)), (2, "batch.queries", .string("x")),
          (5, "model.precision", .string("bfloat")),
        ]))
    }
    #expect(
      found == [
        "CONFIG.yaml:1: optimizer.lr is not a known key; did you mean optimizer.learning_rate?",
        "CONFIG.yaml:2: batch.queries: expected a whole number, found the text \"x\"",
        "CONFIG.yaml:3: run.keep: 0 is out of range; it must be 1 or more",
        "CONFIG.yaml:5: model.precision: expected one of float32, bfloat16, found the text \"bfloat\"",
        "CONFIG.yaml: model.path is missing; it must be the folder of a Hugging Face model, or its name on the Hub",
        "CONFIG.yaml: data.train is missing; it must be a list of one or more .jsonl files",
      ])
  }

  @Test func readsTheDimensions() throws {
    let read = try configuration(
      (3, "loss.matryoshka", list(.int(64), .int(32))), (4, "loss.matryoshka_weights", list(.int(1), .double(0.5))))
    let halves = Matryoshka(dimensions: [64, 32], weights: [1, 0.5], width: 64)
    #expect(try Objective(read.loss, defaultTemperature: 1, width: 64) == Objective(temperature: 1, matryoshka: halves))
    #expect(halves.wholeWeight == 1 && halves.narrower.map(\.dimension) == [32])
    let wider = try Objective(read.loss, defaultTemperature: 1, width: 128).matryoshka
    #expect(wider.wholeWeight == 0 && wider.narrower.map(\.weight) == [1, 0.5])
    #expect(throws: UsageError.self) { try Objective(read.loss, defaultTemperature: 1, width: 48) }
  }

  @Test func readsTheLoss() throws {
    let read = try configuration(
      (3, "loss.objective", .string("unified")), (4, "loss.self_distillation", .bool(true)),
      (5, "loss.self_distillation_start", .int(7)), (6, "loss.distillation", .string("m3")),
      (7, "loss.teacher_temperature", .int(2)), (8, "loss.temperature", .double(0.05)))
    let weights = UnifiedTerms(dense: 1, sparse: 0.1, colbert: 1, ensemble: 1)
    #expect(
      try Objective(read.loss, defaultTemperature: 1, width: 128)
        == Objective(
          temperature: 0.05, unified: weights, distillation: .m3, teacherTemperature: 2, selfDistillationStart: 7))
    #expect(
      try Objective(configuration((3, "loss.distillation", .string("kl"))).loss, defaultTemperature: 0.02, width: 128)
        == Objective(temperature: 0.02, distillation: .kl))
    #expect(
      try Objective(configuration((3, "loss.self_distillation_start", .int(7))).loss, defaultTemperature: 1, width: 128)
        == Objective(temperature: 1))
  }

  /// A head whose every weight is zero is not reached, unless the ensemble teaches it.
  @Test func knowsTheHeadsThatTheLossReaches() throws {
    func reached(_ weights: Configuration.LossWeights, selfDistillation: Bool = false) -> ReachedHeads {
      ReachedHeads(Configuration.Loss(objective: .unified, selfDistillation: selfDistillation, weights: weights))
    }
    #expect(ReachedHeads(Configuration.Loss()) == ReachedHeads(colbert: true, sparse: false))
    #expect(reached(.init(dense: 1, sparse: 0, colbert: 0, ensemble: 0)) == ReachedHeads(colbert: false, sparse: false))
    #expect(reached(.init(dense: 0, sparse: 1, colbert: 0, ensemble: 0)) == ReachedHeads(colbert: false, sparse: true))
    #expect(reached(.init(dense: 0, sparse: 0, colbert: 1, ensemble: 0)) == ReachedHeads(colbert: true, sparse: false))
    #expect(reached(.init(dense: 0, sparse: 0, colbert: 0, ensemble: 1)) == ReachedHeads(colbert: true, sparse: true))
    #expect(
      reached(.init(dense: 1, sparse: 0, colbert: 0, ensemble: 0), selfDistillation: true)
        == ReachedHeads(colbert: true, sparse: true))
  }

  @Test func refusesWhatContradictsItself() {
    func found(_ keys: (Int, String, ConfigurationNode.Value)...) -> [String] {
      problems { try Configuration(tree(least + keys)) }
    }
    #expect(
      found((3, "loss.self_distillation", .bool(true))) == [
        "CONFIG.yaml:3: loss.self_distillation: the ensemble of dense, sparse and ColBERT scores teaches them, so it needs loss.objective: unified"
      ])
    #expect(
      found((3, "data.negatives_per_query", .int(0)), (4, "loss.distillation", .string("kl"))) == [
        "CONFIG.yaml:4: loss.distillation: a teacher compares a query's own documents, so it needs data.negatives_per_query of 1 or more"
      ])
    #expect(
      found((3, "negatives.corpus", .string("corpus.jsonl"))) == [
        "CONFIG.yaml:3: negatives.corpus: nothing is drawn from it; set negatives.random to how many documents a query gets"
      ])
    let own = (3, "negatives.scope", ConfigurationNode.Value.string("own"))
    #expect(
      found(own, (4, "data.negatives_per_query", .int(0))) == [
        "CONFIG.yaml:3: negatives.scope: own leaves a query nothing but its positive; give data.negatives_per_query or negatives.random 1 or more"
      ])
    #expect(found(own, (4, "data.negatives_per_query", .int(0)), (5, "negatives.random", .int(1))) == [])
    let zeros = ["dense", "sparse", "colbert", "ensemble"].enumerated().map {
      (4 + $0, "loss.weights.\($1)", ConfigurationNode.Value.int(0))
    }
    #expect(
      problems { try Configuration(tree(least + [(3, "loss.objective", .string("unified"))] + zeros)) } == [
        "CONFIG.yaml:4: loss.weights.dense: all weights are 0, so there is nothing to learn; give one more"
      ])
  }

  @Test func pointsAtTheWrongItemOfAList() {
    let items =
      [ConfigurationNode(.string("a.jsonl"), at: .set)]
      + [ConfigurationNode(.int(2), at: ConfigurationSource(file: "CONFIG.yaml", line: 11))]
    #expect(
      problems { try configuration((10, "data.train", .list(items))) }
        == ["CONFIG.yaml:11: data.train: expected a file, or {file: FILE, weight: W}, found 2"])
  }

  @Test func readsWeightsOfFiles() throws {
    func file(_ entries: (String, ConfigurationNode.Value)...) -> ConfigurationNode.Value {
      let source = ConfigurationSource(file: "CONFIG.yaml", line: 4)
      return .map(
        entries.map { .init(key: $0.0, keySource: source, node: ConfigurationNode($0.1, at: source)) })
    }
    let read = try configuration(
      (3, "data.train", list(.string("a.jsonl"), file(("file", .string("b.jsonl")), ("weight", .double(0.5))))),
      (5, "data.batches", .string("one_file")))
    #expect(read.data.train == ["a.jsonl", .init(path: "b.jsonl", weight: 0.5)])
    #expect(read.data.batches == .oneFile)
    for (item, message) in [
      (file(("file", .string("b")), ("wieght", .int(2))), "wieght is not a known key of a file; did you mean weight?"),
      (file(("weight", .int(2))), "the map names no file; write a file, or {file: FILE, weight: W}"),
      (file(("file", .string("b")), ("weight", .string("x"))), "expected a number, found the text \"x\""),
      (
        file(("file", .string("b")), ("weight", .int(0))),
        "the weight 0 is out of range; it must be more than 0 and at most 1000"
      ),
      (
        file(("file", .string("b")), ("weight", .int(1001))),
        "the weight 1001 is out of range; it must be more than 0 and at most 1000"
      ),
      (file(("file", .string(""))), "[\"\"] is out of range; it must be a list of one or more .jsonl files"),
    ] {
      let found = problems { try configuration((4, "data.train", list(item))) }
      #expect(found.count == 1)
      #expect(found.first?.contains("data.train: ") == true)
      #expect(found.first?.hasSuffix(message) == true, "\(found)")
    }
  }

  @Test func wantsAMap() {
    let source = ConfigurationSource(file: "CONFIG.yaml", line: 1)
    #expect(
      problems { try Configuration(ConfigurationNode(list(), at: source)) }
        == ["CONFIG.yaml:1: expected a map of keys and values, found a list"])
    #expect(
      problems { try Configuration(ConfigurationNode(.null, at: ConfigurationSource(file: "CONFIG.yaml"))) }
        == ["CONFIG.yaml: the configuration is empty; it must name at least model.path and data.train"])
  }

  @Test func takesASectionWithNothingBelowIt() throws {
    #expect(try configuration((3, "batch", .null), (4, "evaluation", .null)) == configuration())
  }

  @Test func readsTheTrainedPart() throws {
    #expect(try configuration((3, "model.train", .string("head"))).model.train == .head)
    #expect(try configuration((3, "model.train", map("top", .int(2)))).model.train == .top(2))
    #expect(
      problems { try configuration((3, "model.train", map("top", .int(0)))) }
        == ["CONFIG.yaml:3: model.train: expected {top: K} with a whole number K of 1 or more, found 0"])
  }

  @Test func takesWholeNumbersForNumbersAndBack() throws {
    let read = try configuration((3, "optimizer.warmup", .int(10)), (4, "run.steps", .double(1e3)))
    #expect(read.optimizer.warmup == 10)
    #expect(read.run.steps == 1000)
  }

  @Test(arguments: [
    ("configs/quickstart.yaml", "runs/quickstart"), ("/a/b/my.run.yml", "runs/my.run"), ("plain", "runs/plain"),
    (".hidden", "runs/.hidden"),
  ])
  func namesTheRunAfterItsFile(file: String, directory: String) throws {
    #expect(try Configuration(tree(least, file: file)).run.directory == directory)
  }

  @Test func overridesWin() throws {
    let file = tree(least + [(3, "batch.queries", .string("broken")), (4, "loss.weights.dense", .int(3))])
    let set = ConfigurationNode(
      map("batch", map("queries", .int(8))), at: .set)
    let weights = ConfigurationNode(map("loss", map("weights", map("sparse", .int(2)))), at: .set)
    let read = try Configuration(file.overridden(by: set).overridden(by: weights))
    #expect(read.batch.queries == 8)
    #expect(read.loss.weights == .init(dense: 3, sparse: 2))
    #expect(read.batch.accumulation == 1)
  }

  @Test(
    arguments: [
      ("", .null), ("~", .null), ("null", .null), ("true", .bool(true)), ("False", .bool(false)), ("no", .string("no")),
      ("on", .string("on")), ("10", .int(10)), ("-3", .int(-3)), ("1e-5", .double(1e-5)), ("3E-5", .double(3e-5)),
      ("0.1", .double(0.1)), (".5", .double(0.5)), ("1.", .double(1)), ("1-2", .string("1-2")), ("nan", .string("nan")),
      ("99999999999999999999", .double(1e20)), ("-", .string("-")), ("e5", .string("e5")), ("1_000", .string("1_000")),
    ] as [(String, ConfigurationNode.Value)])
  func readsPlainScalars(text: String, value: ConfigurationNode.Value) {
    #expect(ConfigurationNode.plainScalar(text) == value)
  }
}
