import TestSupport
import Testing

/// Runs with `negatives.random`.
@Suite struct RandomNegativesRunTests {
  private static let settings = [
    "negatives.random=2", "negatives.corpus=corpus.jsonl", "run.steps=4", "run.checkpoint_every=2",
  ]
  .flatMap { ["--set", $0] }
  private static let corpus = (0..<30).map { "{\"_id\": \"\($0)\", \"title\": \"t\", \"text\": \"word \($0)\"}\n" }
    .joined()

  /// The draws are those of a run that was never stopped, on any ranks; a corpus that holds something else is refused.
  @Test func goesOnWithTheSameDraws() throws {
    let run = try ShortRun()
    try run.folder.write(Self.corpus, to: "corpus.jsonl")
    let whole = try run.finish(Self.settings)
    #expect(whole.errors.contains("random negatives: 2 a query, from the 30 documents of corpus.jsonl"))
    let losses = try run.metrics().map(\.loss)

    let other = try ShortRun(copyOf: run)
    try other.folder.remove("run/model")
    try other.folder.remove("run/checkpoints/step-4")
    try other.folder.write(Self.corpus.replacing("word 7", with: "ward 7"), to: "corpus.jsonl")
    let refused = try other.train(Self.settings)
    #expect(refused.status == 64)
    #expect(
      refused.complaints.joined().contains(
        "negatives.corpus: corpus.jsonl does not hold what it held when run/checkpoints/step-2 was written"))
    let without = try other.train(Self.settings + ["--set", "negatives.corpus=null"])
    #expect(without.status == 64)
    #expect(without.complaints.joined().contains("negatives.corpus is not given, it was when"))

    try other.folder.write(Self.corpus, to: "beir/corpus.jsonl")
    let ranks = Command.mpirun == nil ? nil : 3
    try other.finish(Self.settings + ["--set", "negatives.corpus=beir"], ranks: ranks)
    let again = try other.metrics().map(\.loss)
    #expect(again.count == 4)
    // Sums over ranks are added in another order.
    for (a, b) in zip(again, losses) { #expect(abs(a - b) < 1e-5 * b) }
  }

  /// The loss is of as many more documents.
  @Test func areCountedAmongTheDocuments() throws {
    let run = try ShortRun()
    try run.folder.write(Self.corpus, to: "corpus.jsonl")
    for (settings, documents) in [([], 8), (Self.settings, 16), (["--set", "negatives.random=1"], 12)] {
      let ended = try Command.colbert(
        ["gradients", "run.yaml", "--output", "g.safetensors"] + settings, in: run.folder.path)
      #expect(ended.output.contains("\"queries\": 4, \"documents\": \(documents)}"), "\(ended.errors)")
    }
  }

  @Test(arguments: [
    (
      "{\"text\": \"one\"}\n",
      "corpus.jsonl: documents with text: 1, but negatives.random draws 2 different ones for every query."
    ), ("", "corpus.jsonl: the file holds no row."), ("{}\n", "corpus.jsonl:1: the field \"text\" is missing."),
  ])
  func namesWhatIsWrongWithACorpus(corpus: String, complaint: String) throws {
    let run = try ShortRun()
    try run.folder.write(corpus, to: "corpus.jsonl")
    let ended = try run.train(Self.settings)
    #expect(ended.status == 65)
    #expect(ended.complaints.joined().contains(complaint), "\(ended.complaints)")
  }
}
