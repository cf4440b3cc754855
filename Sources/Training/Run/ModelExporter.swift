import Checkpoints
package import Communication
import Foundation
import LateInteraction
import Logging
import Tensors

/// Brings a checkpoint or a model folder into a layout that others read. Rank 0 works, the others wait.
///
/// Collective: every rank calls it.
package func exportModel(_ request: ExportRequest, communicator: any Communicator, console: Console) throws {
  // The others only wait, however long a big model takes.
  communicator.timeout = .seconds(24 * 3600)
  try communicator.onRoot("exporting the model") { () -> Void in
    let source = try ExportSource(request, console: console)
    try source.checkLosses(of: request, console: console)
    for notice in source.loaded.exportNotices(in: request.layout) { console.logger.warning("\(notice)") }
    let export = ModelExport(loaded: source.loaded, layout: request.layout, card: source.card(request))
    try export.write(to: request.output)
    console.logger.info("\(source.name) as \(request.layout.rawValue): \(request.output)")
  }
}

/// The model to be exported, in memory, and where it is from.
private struct ExportSource {
  let name: String
  let loaded: LoadedModel
  /// The training that made it, where that is known.
  private let training: (configuration: Configuration, steps: Int)?
  /// What the model was merged with, if it was.
  private let start: String?

  init(_ request: ExportRequest, console: Console) throws {
    switch request.source {
    case .checkpoint(let folder): try self.init(checkpoint: folder, merge: request.merge, console: console)
    case .model(let folder):
      try self.init(model: folder, merge: request.merge.map { ($0, request.mergeStart!) }, console: console)
    }
  }

  private init(model folder: String, merge: (share: Double, start: String)?, console: Console) throws {
    let pool = ThreadPool.forRank()
    // A merge writes to every tensor; without one they stay where their files are mapped.
    loaded = try LoadedModel(
      ModelSettings(path: folder, trained: merge == nil ? .head : .all), trains: false, on: pool)
    for notice in loaded.notices { console.logger.info("\(notice)") }
    (name, training, start) = (folder, nil, merge?.start)
    guard let merge else { return }
    let other = try LoadedModel(ModelSettings(path: merge.start), trains: false, on: pool)
    try loaded.merge(merge.share, with: other, named: merge.start)
  }

  private init(checkpoint folder: String, merge: Double?, console: Console) throws {
    let checkpoint = try Self.checkpoint(in: folder, console: console)
    var configuration = try checkpoint.configuration()
    if case .failure(let problem) = configuration.findModel() {
      throw UsageError("model.path of the run that saved \(checkpoint.path): \(problem)")
    }
    loaded = try LoadedModel(
      ModelSettings(configuration, precision: .float32), trains: false, on: ThreadPool.forRank())
    for notice in loaded.notices { console.logger.info("\(notice)") }
    let parameters = loaded.model.parameters
    let layout = parameters.layout
    try checkpoint.check(
      tensors: layout.trained.map { TensorRecord(name: $0.name, shape: $0.shape, range: $0.range!) })
    let arena = Arena()
    let begun = merge.map { _ in arena.copy(of: parameters.allValues) }
    try parameters.allValues.withMutableSpan {
      try checkpoint.read(CheckpointBuffer.parameters, 0..<layout.trainedCount, into: &$0)
    }
    if let merge, let begun {
      for tensor in layout.trained where !(loaded.hasNewHead && tensor.part == .head) {
        interpolate(parameters.value(tensor.name), with: begun.rows(tensor.range!), share: merge)
      }
      if loaded.hasNewHead {
        console.logger.warning("\(configuration.model.path) has no ColBERT head: the trained one is not merged")
      }
    }
    withExtendedLifetime(arena) {}
    name = checkpoint.path
    training = (configuration, checkpoint.step)
    start = configuration.model.path
  }

  /// The checkpoint in a folder, or the newest good one of a run, every byte of it checked.
  private static func checkpoint(in folder: String, console: Console) throws -> Checkpoint {
    let solo = SoloCommunicator()
    guard case .store(let path) = try CheckpointPlace(folder) else {
      return try CheckpointStore(path: folder, communicator: solo).open(folder)
    }
    let (found, notices) = try CheckpointStore(path: path, communicator: solo).latest()
    for notice in notices { console.logger.warning("\(notice)") }
    guard let found else { throw UsageError("--checkpoint \(folder): the run has no checkpoint yet") }
    return found
  }

  /// Refuses a layout that cannot say all of the model, or warns of what is lost.
  func checkLosses(of request: ExportRequest, console: Console) throws {
    let losses = loaded.losses(in: request.layout)
    guard !losses.isEmpty else { return }
    guard request.allowsInexact else {
      let others = ModelLayout.allCases.filter { loaded.losses(in: $0).isEmpty }.map(\.rawValue)
      throw UsageError(
        """
        --format \(request.layout.rawValue) cannot express \(name): \(losses.joined(separator: "; ")). Nothing was \
        written. Choose --format \(others.joined(separator: " or ")), or export what fits with --allow-inexact
        """)
    }
    for loss in losses { console.logger.warning("not expressed by \(request.layout.rawValue): \(loss)") }
  }

  /// `README.md`: how the model was trained, and what has been done to it.
  func card(_ request: ExportRequest) -> String {
    var notes = ["Exported to the layout \(request.layout.rawValue) from `\(name)`."]
    if let share = request.merge, let start {
      notes.append("Merged: \(share) of the trained model, \(1 - share) of `\(start)` from which it started.")
    }
    notes += loaded.losses(in: request.layout).map { "Not expressed by this layout: \($0)." }
    notes += loaded.exportNotices(in: request.layout).map { "\($0)." }
    guard let training else {
      let source = try? String(contentsOfFile: "\(loaded.folder.path)/README.md", encoding: .utf8)
      return modelCard(sourceCard: source, loaded, notes: notes)
    }
    return modelCard(
      training.configuration, loaded,
      temperature: training.configuration.loss.temperature ?? loaded.folder.style.temperature, steps: training.steps,
      rows: nil,
      evaluation: nil, notes: notes)
  }
}

extension LoadedModel {
  /// Interpolates all parameters with those of the model that this one was trained from.
  fileprivate func merge(_ share: Double, with start: LoadedModel, named path: String) throws {
    func shapes(_ model: LoadedModel) -> [String: [Int]] {
      Dictionary(uniqueKeysWithValues: model.model.parameters.layout.tensors.map { ($0.name, $0.shape) })
    }
    let (mine, others) = (shapes(self), shapes(start))
    if let name = mine.keys.sorted().first(where: { mine[$0] != others[$0] }) {
      throw UsageError(
        """
        --merge-with \(path) is not a model of the same shape: \(name) is \(mine[name]!) in \(folder.path), \
        \(others[name].map { "\($0)" } ?? "missing") there; name the model that it was trained from
        """)
    }
    for name in mine.keys {
      interpolate(model.parameters.value(name), with: start.model.parameters.value(name), share: share)
    }
  }
}

/// `share · values + (1 − share) · start`, in place. Shares of 0 and 1 give the one or the other bit for bit.
private func interpolate(_ values: Matrix, with start: Matrix, share: Double) {
  guard share < 1 else { return }
  start.withSpan { start in
    values.withMutableSpan { values in
      for i in 0..<values.count {
        values[i] = share > 0 ? Float(share * Double(values[i]) + (1 - share) * Double(start[i])) : start[i]
      }
    }
  }
}

extension Arena {
  /// The elements of a matrix as one column.
  fileprivate func copy(of matrix: Matrix) -> Matrix {
    let copy = self.matrix(rows: matrix.count, columns: 1)
    matrix.withSpan { source in
      copy.withMutableSpan { target in
        for i in 0..<source.count { target[i] = source[i] }
      }
    }
    return copy
  }
}

extension Checkpoint {
  /// The configuration of the run that saved it.
  func configuration() throws -> Configuration {
    guard let text = state[StateKey.configuration], let configuration = try? Configuration(storedJSON: text)
    else { throw RunError("\(path): its state has no configuration; choose another run.directory") }
    return configuration
  }
}

extension Configuration {
  /// From a checkpoint's state. Keys that the version which wrote it did not have yet have their defaults.
  init(storedJSON text: String) throws {
    var stored = try Self.sections(Foundation.Data(text.utf8))
    let defaults = try Self.sections(JSONEncoder().encode(Configuration()))
    while true {
      do {
        self = try JSONDecoder().decode(
          Configuration.self, from: JSONSerialization.data(withJSONObject: stored))
        return
      } catch DecodingError.keyNotFound(let key, let context) {
        // A key that may be null is absent when it is: only the others are missed.
        let path = (context.codingPath + [key]).map(\.stringValue)
        guard let section = defaults[path[0]], path.count == 1 || section[path[1]] != nil else {
          throw DecodingError.keyNotFound(key, context)
        }
        if path.count == 1 { stored[path[0]] = section } else { stored[path[0]]![path[1]] = section[path[1]] }
      }
    }
  }

  private static func sections(_ json: Foundation.Data) throws -> [String: [String: Any]] {
    try JSONSerialization.jsonObject(with: json) as? [String: [String: Any]] ?? [:]
  }
}
