import Foundation
import FoundationXML
import TestSupport
import Testing

/// What `report` makes of runs' folders.
@Suite struct ReportTests {
  private static let trained = Result { () -> ShortRun in
    let run = try ShortRun()
    try ReferenceTexts().writeCollection(to: "beir", in: run.folder)
    try run.finish(["--set", "evaluation.data=beir", "--set", "run.evaluate_every=20"])
    return run
  }

  private func report(_ runs: [String], in folder: TemporaryFolder) throws -> Command.Ended {
    try Command.colbert(["report"] + runs + ["--output", "report.html"], in: folder.path)
  }

  private func page(_ runs: [String], in folder: TemporaryFolder) throws -> String {
    let ended = try report(runs, in: folder)
    try #require(ended.status == 0, "\(ended.errors)")
    #expect(ended.output == "report.html\n")
    let page = try folder.text(of: "report.html")
    for foreign in ["http:", "https:", "src=", "<script", "@import", "url("] {
      #expect(!page.contains(foreign), "\(foreign)")
    }
    // What a browser would mend in silence.
    #expect(
      XMLParser(data: Data(page.replacing("<!doctype html>", with: "").replacing(/<meta[^>]*>/, with: "").utf8)).parse()
    )
    return page
  }

  @Test func showsARun() throws {
    let run = try Self.trained.get()
    let page = try page(["run"], in: run.folder)
    for title in ["Loss", "Learning rate", "Throughput", "Evaluation", "Where the time went", "Program and machines"] {
      #expect(page.contains(title), "\(title)")
    }
    let metrics = try run.metrics()
    #expect(page.contains(String(format: "Loss. %.4g at step 1, %.4g at step 40", metrics[0].loss, metrics[39].loss)))
    let last = try #require(try run.evaluations().last?.evaluation["ndcg@10"])
    #expect(page.contains(String(format: "%.4f", last)))
    #expect(page.contains("<code>optimizer.learning_rate</code>") && page.contains("<code>0.001</code>"))
    #expect(page.contains("products") && page.contains("AVX2"))
    #expect(page.contains("Open MPI"))
  }

  /// Time by part of each step: the parts add up to no more than the step took.
  @Test func stepsSayWhereTheirTimeWent() throws {
    struct Step: Decodable {
      let step: Int
      let queries_per_second: Double
      let seconds: [String: Double]
    }
    let run = try Self.trained.get()
    for line in try run.folder.text(of: "run/metrics.jsonl").split(separator: "\n") where line.contains("\"loss\"") {
      let step = try JSONDecoder().decode(Step.self, from: Data(line.utf8))
      let total = step.seconds.values.reduce(0, +)
      #expect(step.seconds["products"]! > 0 && step.seconds["optimizer"]! > 0)
      #expect(abs(total - 4 / step.queries_per_second) < 0.002 + 0.02 * total, "step \(step.step)")
    }
  }

  @Test func remembersEachStart() throws {
    struct Start: Decodable {
      struct Machine: Decodable { let host: String }
      let step: Int
      let ranks: Int
      let threads_per_rank: Int
      let machines: [Machine]
    }
    let run = try ShortRun()
    try run.finish(["--set", "run.steps=5"])
    try run.finish(ranks: Command.mpirun == nil ? nil : 2)
    let starts = try run.folder.text(of: "run/starts.jsonl").split(separator: "\n").map {
      try JSONDecoder().decode(Start.self, from: Data($0.utf8))
    }
    #expect(starts.map(\.step) == [0, 5])
    #expect(starts.map(\.ranks) == [1, Command.mpirun == nil ? 1 : 2])
    #expect(starts[0].threads_per_rank == 2)
    #expect(starts.allSatisfy { $0.machines.map(\.host) == [ProcessInfo.processInfo.hostName] })
  }

  @Test func comparesRuns() throws {
    let folder = try TemporaryFolder(copyOf: try Self.trained.get().folder)
    try folder.copy("\(folder.path)/run", to: "other/run")
    let configuration = try folder.text(of: "run/config.yaml")
    try folder.write(configuration.replacing("seed: 42", with: "seed: 7"), to: "other/run/config.yaml")
    let page = try page(["run", "other/run"], in: folder)
    #expect(page.contains("2 training runs"))
    let differences = try #require(
      page.components(separatedBy: "What differs").last?.components(separatedBy: "<details>").first)
    #expect(differences.contains("run.seed") && differences.contains(">7<") && differences.contains(">42<"))
    #expect(!differences.contains("optimizer.learning_rate"))
    #expect(page.contains("other/run"))
  }

  /// A folder as an older version, or a run that was just begun, leaves it; the quickstart's figures are taken up.
  @Test func takesWhatThereIs() throws {
    let folder = try TemporaryFolder()
    let configuration = try Self.trained.get().folder.text(of: "run/config.yaml")
    try folder.write(configuration, to: "run/config.yaml")
    try folder.write("", to: "run/metrics.jsonl")
    #expect(try page(["run"], in: folder).contains("No step is done yet."))

    let line =
      #"{"gradient_norm":4.2,"learning_rate":0.0001,"loss":1.7,"queries_per_second":13.1,"step":1,"tokens_per_second":1200.5}"#
    try folder.write(line + "\n" + line.prefix(40), to: "run/metrics.jsonl")
    let figures =
      #"{"mrr@10": 0.1, "ndcg@10": 0.5125, "recall@100": 0.3, "map": 0.4, "success@5": 0.5, "queries": 8, "documents": 16}"#
    try folder.write(figures, to: "run/evaluation-before.json")
    let page = try page(["run"], in: folder)
    #expect(page.contains("0.5125") && page.contains("1.7 at step 1"))
    #expect(!page.contains("Where the time went"))
  }

  @Test func namesWhatIsWrong() throws {
    let folder = try TemporaryFolder()
    try folder.write("x", to: "file")
    try folder.write("{}", to: "empty/other")
    try folder.write("model: {path: m}\ndata: {train: [t]}\n", to: "run/config.yaml")
    let good =
      #"{"gradient_norm":4.2,"learning_rate":0.0001,"loss":1.7,"queries_per_second":13.1,"step":1,"tokens_per_second":1200.5}"#
    for (metrics, message) in [
      (good + "\nnonsense\n", "run/metrics.jsonl:2: this is not what a run writes there"),
      (good + "\n{\"step\": 2}\n", "run/metrics.jsonl:2: this is not what a run writes there"),
    ] {
      try folder.write(metrics, to: "run/metrics.jsonl")
      let ended = try report(["run"], in: folder)
      #expect(ended.status == 65 && ended.output == "")
      #expect(ended.errors.contains(message), "\(ended.errors)")
    }
    for (run, message) in [
      ("gone", "run: there is no folder gone in"), ("file", "run: file is a file; name the folder of a run"),
      ("empty", "run: empty has no config.yaml, no metrics.jsonl; name the folder of a run"),
    ] {
      let ended = try report([run], in: folder)
      #expect(ended.status == 64 && ended.output == "")
      #expect(ended.errors.contains(message), "\(ended.errors)")
    }
  }
}
