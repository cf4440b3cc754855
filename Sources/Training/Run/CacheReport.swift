import Checkpoints
import Datasets
import Foundation
import LateInteraction
import Tokenizers

/// What a run says of its cache before its first step: where it is, how big it becomes, what is there already.
struct CacheReport {
  /// Nil without a cache.
  let line: String?
  /// What a person should do something about.
  let warning: String?

  /// Rows that are tokenized for the estimate, spread over the data.
  private static let sampledRows = 200

  init(_ setup: TrainingSetup) throws {
    guard let store = setup.frozenPrefix?.store else {
      (line, warning) = (nil, nil)
      return
    }
    let encoder = setup.model.model.encoder
    let precision = setup.configuration.cache.precision
    let tokens = try Self.tokensOfAllRows(setup) + Self.tokensOfCorpus(setup)
    let bytes = tokens * encoder.configuration.width * (precision == .float32 ? 4 : 2)
    let free = try freeBytes(at: store.folder)
    func size(_ bytes: Int) -> String {
      ByteCountFormatStyle(style: .decimal, locale: .init(identifier: "en_US")).format(Int64(bytes))
    }
    line = """
      cache: hidden states after \(encoder.frozenLayerCount) of \(encoder.configuration.layerCount) layers in \
      \(store.folder), \(precision.rawValue); at most \(size(bytes)) when every text has been met, \(size(free)) free, \
      \(store.count) texts there
      """
    // What is there already is part of both sides.
    let present =
      try HiddenStateFolder.all(in: setup.configuration.cache.directory!)
      .first { $0.path == store.folder }?.bytes ?? 0
    warning =
      bytes - present <= free
      ? nil
      : """
      the cache may grow by \(size(bytes - present)), but \(store.folder) has \(size(free)) left; when that is full, \
      the hidden states of further texts are computed each time, and checkpoints there would fail
      """
  }

  /// About how many tokens the texts of all rows have, equal texts counted each time.
  private static func tokensOfAllRows(_ setup: TrainingSetup) throws -> Int {
    let count = min(sampledRows, setup.data.count)
    var tokens = 0
    for sample in 0..<count {
      let row = try setup.data.row(sample * setup.data.count / count)
      tokens += setup.model.input.tokenize((row.prompt ?? "") + row.query, as: .query).ids.count
      for text in row.positives + row.negatives {
        tokens += setup.model.input.tokenize(text, as: .document).ids.count
      }
    }
    return tokens * setup.data.count / max(1, count)
  }

  /// About how many those have that random negatives are drawn from, if they are not the rows'.
  private static func tokensOfCorpus(_ setup: TrainingSetup) throws -> Int {
    guard let random = setup.random else { return 0 }
    let texts = try random.sampledTexts(sampledRows)
    let tokens = texts.reduce(0) { $0 + setup.model.input.tokenize($1, as: .document).ids.count }
    return tokens * random.count / max(1, texts.count)
  }
}
