import Foundation
import Tensors
import Training

/// The page of `colbert report`.
func reportPage(_ runs: [ReportedRun]) -> String {
  let sections: [(title: String, html: String)] = [
    ("", summary(runs)), ("Training", curves(runs)), ("Evaluation", evaluations(runs)),
    ("Where the time went", times(runs)),
    ("Configuration", configurations(runs)), ("Program and machines", programs(runs)),
  ]
  return HTMLPage(
    title: runs.count == 1 ? "Training run \(runs[0].name)" : "\(runs.count) training runs",
    style: LineChart.style + "\n" + StackedBars.style,
    body: sections.filter { !$0.html.isEmpty }
      .map { $0.title.isEmpty ? $0.html : "<h2>\($0.title)</h2>\n\($0.html)" }.joined(separator: "\n")
  ).text
}

// MARK: What came of it

private func summary(_ runs: [ReportedRun]) -> String {
  let rows = runs.map { run in
    let record = run.record
    let (before, last) = (record.firstEvaluation, record.lastEvaluation)
    return [
      escaped(run.name), record.isFinished ? "finished" : "not finished", "\(record.steps.last?.step ?? 0)",
      range(record.steps.first?.loss, record.steps.suffix(10).map(\.loss).mean),
      range(before?.ndcgAt10, last?.ndcgAt10), rate(record.steps.map(\.queries_per_second)),
      rate(record.steps.map(\.tokens_per_second)),
    ]
  }
  return htmlTable(
    ["Run", "State", "Steps", "Loss", "nDCG@10", "Queries/s", "Tokens/s"], rows, numbers: [2, 3, 4, 5, 6])
      + """
      <p class="faint">Loss: of the first step, and the mean of the last ten. nDCG@10: before training if that was measured, \
      else of the first evaluation, and of the last. Rates: the median of the steps.</p>
      """
}

private func range(_ first: Double?, _ last: Double?) -> String {
  [first, last].compactMap { $0.map { Figure.decimals($0, 4) } }.joined(separator: " → ")
}

private func rate(_ values: [Double]) -> String {
  values.isEmpty ? "" : shortNumber(values.sorted()[values.count / 2])
}

// MARK: Curves

private func curves(_ runs: [ReportedRun]) -> String {
  func chart(_ title: String, _ yName: String, includesZero: Bool = false, _ value: (StepMetrics) -> Double) -> String {
    LineChart(
      title: title, yName: yName,
      lines: runs.enumerated().map { number, run in
        LineChart.Line(
          name: run.name, series: number, points: run.record.steps.map { (Double($0.step), value($0)) })
      }, includesZero: includesZero
    ).html
  }
  let charts = [
    chart("Loss", "loss", includesZero: true) { $0.loss },
    chart("Learning rate", "rate", includesZero: true) { $0.learning_rate },
    chart("Norm of the gradient, before clipping", "norm", includesZero: true) { $0.gradient_norm },
    chart("Throughput", "tokens a second", includesZero: true) { $0.tokens_per_second },
  ].filter { !$0.isEmpty }
  return charts.isEmpty
    ? "<p>No step is done yet.</p>" : "<div class=\"charts\">\n\(charts.joined(separator: "\n"))\n</div>"
}

// MARK: Evaluations

private func evaluations(_ runs: [ReportedRun]) -> String {
  let columns = runs.flatMap { run in
    [("before", run.record.before), ("last", run.record.lastEvaluation)].compactMap { time, result in
      result.map { (runs.count == 1 ? time : "\(run.name), \(time)", $0) }
    }
  }
  guard !columns.isEmpty else { return "" }
  let figures: [(String, (EvaluationResult) -> Double)] = [
    ("nDCG@10", \.ndcgAt10), ("MRR@10", \.mrrAt10), ("recall@100", \.recallAt100), ("MAP", \.meanAveragePrecision),
    ("success@5", \.successAt5),
  ]
  let rows =
    figures.map { name, value in [name] + columns.map { Figure.decimals(value($0.1), 4) } }
    + [["queries"] + columns.map { "\($0.1.queries)" }, ["documents"] + columns.map { "\($0.1.documents)" }]
  let chart = LineChart(
    title: "nDCG@10", yName: "nDCG@10",
    lines: runs.enumerated().map { number, run in
      let start = run.record.before.map { [(0.0, $0.ndcgAt10)] } ?? []
      return LineChart.Line(
        name: run.name, series: number,
        points: start + run.record.evaluations.map { (Double($0.step), $0.evaluation.ndcgAt10) }, hasMarks: true)
    })
  let isCurve = runs.contains { $0.record.evaluations.count + ($0.record.before == nil ? 0 : 1) > 1 }
  return htmlTable(["Figure"] + columns.map { escaped($0.0) }, rows, numbers: Set(1...columns.count))
    + (isCurve ? "<div class=\"charts\">\(chart.html)</div>" : "")
}

// MARK: Time

private func times(_ runs: [ReportedRun]) -> String {
  let recorded = runs.filter { $0.record.steps.contains { $0.seconds != nil } }
  guard !recorded.isEmpty else { return "" }
  let bars = recorded.map { run in (run.name, run.record.meanSecondsByPart) }
  return StackedBars(bars: bars).html + """
    <p class="faint">Of a step, the mean over steps and ranks, evaluations and checkpoints aside. Waiting for ranks is what uneven \
    shares cost.</p>
    """
}

// MARK: Configuration

private func configurations(_ runs: [ReportedRun]) -> String {
  let keys = runs[0].configuration.map(\.key)
  let values = runs.map { Dictionary(uniqueKeysWithValues: $0.configuration.map { ($0.key, $0.value) }) }
  func table(_ keys: [String]) -> String {
    htmlTable(
      ["Key"] + (runs.count == 1 ? ["Value"] : runs.map { escaped($0.name) }),
      keys.map { key in
        ["<code>\(escaped(key))</code>"] + values.map { "<code>\(escaped($0[key] ?? ""))</code>" }
      })
  }
  let different = keys.filter { key in Set(values.map { $0[key] ?? "" }).count > 1 }
  let differences =
    runs.count == 1
    ? "" : "<h3>What differs</h3>" + (different.isEmpty ? "<p>Nothing.</p>" : table(different))
  return differences + "<details><summary>All \(keys.count) keys</summary>\(table(keys))</details>"
}

// MARK: Program and machines

private func programs(_ runs: [ReportedRun]) -> String {
  let recorded = runs.compactMap { run in run.record.starts.last.map { (run.name, run.record.starts, $0) } }
  guard !recorded.isEmpty else { return "" }
  func row(_ name: String, _ value: (RunStart) -> String) -> [String] { [name] + recorded.map { escaped(value($0.2)) } }
  let rows = [
    row("started") { $0.time }, ["starts"] + recorded.map { "\($0.1.count)" },
    row("ranks × threads") { "\($0.ranks) × \($0.threadsPerRank)" },
    row("machines") { $0.machines.map(\.host).joined(separator: ", ") },
    row("processor") { Set($0.machines.map(\.processor)).sorted().joined(separator: ", ") },
    row("instructions") { $0.machines[0].features.joined(separator: ", ") },
    row("products") { $0.precision?.rawValue ?? "float32" },
    row("memory") { $0.machines.map { byteText($0.memoryBytes) }.joined(separator: ", ") },
    row("system") { $0.machines[0].system },
    row("colbert") { "\($0.program.version), \($0.program.build) build, \($0.program.commit ?? "unnamed commit")" },
    row("MPI") { $0.program.mpi }, row("OpenBLAS") { $0.program.openBLAS },
    row("oneDNN") { $0.program.oneDNN ?? "not built in" },
  ]
  return htmlTable(["Last start"] + recorded.map { escaped($0.0) }, rows)
}

extension RunRecord {
  /// Before training if that was measured.
  var firstEvaluation: EvaluationResult? { before ?? (evaluations.count > 1 ? evaluations.first?.evaluation : nil) }
  var lastEvaluation: EvaluationResult? { after ?? evaluations.last?.evaluation }

  /// Of the steps that have it, in the order of the largest.
  var meanSecondsByPart: [(part: String, seconds: Double)] {
    let recorded = steps.compactMap(\.seconds)
    let sums = recorded.reduce(into: [:]) { sums, step in sums.merge(step, uniquingKeysWith: +) }
    return sums.map { ($0.key, $0.value / Double(recorded.count)) }.filter { $0.1 > 0 }.sorted { $0.1 > $1.1 }
  }
}

extension Collection where Element == Double {
  fileprivate var mean: Double? { isEmpty ? nil : reduce(0, +) / Double(count) }
}
