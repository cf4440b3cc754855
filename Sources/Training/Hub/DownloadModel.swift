import Checkpoints
import Foundation
import Logging

/// What `colbert download` is asked for.
package struct DownloadRequest: Codable, Sendable {
  package let model: HubModel
  /// Files beside those that a ColBERT model needs, as patterns.
  package var patterns: [String]
  /// Every file of the model.
  package var isAll: Bool

  package init(_ model: HubModel, patterns: [String] = [], isAll: Bool = false) {
    self.model = model
    self.patterns = patterns
    self.isAll = isAll
  }
}

/// Fetches a model from the Hugging Face Hub into the cache of its Python client, as far as it is not there.
///
/// - Returns: the folder of the model, as `model.path` takes it.
/// - Precondition: one rank calls it. Other processes may fetch the same model at the same time.
package func downloadModel(
  _ request: DownloadRequest, settings: HubSettings = HubSettings(), console: Console
) throws -> String {
  let model = request.model
  if settings.isOffline { return try cachedModel(model, settings, console) }
  if let problem = settings.endpointProblem { throw UsageError(problem) }
  let download = try ModelDownload(model, settings, console)
  let listing = try download.listing()
  let files = try download.chosenFiles(request, of: listing)
  try download.fetch(files, of: listing)
  try settings.cache.note(listing.commit, as: model)
  return settings.cache.snapshot(model, commit: listing.commit)
}

/// With `HF_HUB_OFFLINE`: what is in the cache.
private func cachedModel(_ model: HubModel, _ settings: HubSettings, _ console: Console) throws -> String {
  guard let (commit, folder) = settings.cache.snapshot(model) else {
    throw UsageError(
      "HF_HUB_OFFLINE is set, and \(model) is not in the cache \(settings.cache.path); unset it to fetch the model")
  }
  console.logger.info("\(model): commit \(commit) from the cache; HF_HUB_OFFLINE is set, so the Hub is not asked")
  return folder
}

/// One model on its way.
private struct ModelDownload {
  let model: HubModel
  let settings: HubSettings
  let console: Console
  let client: HubClient

  private var cache: HubCache { settings.cache }

  init(_ model: HubModel, _ settings: HubSettings, _ console: Console) throws {
    self.model = model
    self.settings = settings
    self.console = console
    client = HubClient(settings: settings, token: try settings.token(), curl: try Curl(), logger: console.logger)
  }

  func listing() throws -> HubListing {
    let answer = ListingText()
    let url = settings.listingURL(model)
    try client.fetch(url, what: "\(model)", of: model, into: answer)
    return try HubListing(answer.content, from: url)
  }

  /// The files to be had. Reads `modules.json`, which says in which subfolders some of them are.
  func chosenFiles(_ request: DownloadRequest, of listing: HubListing) throws -> [HubFile] {
    let selection = FileSelection(isAll: request.isAll, patterns: request.patterns)
    for pattern in selection.unused(listing.files) {
      console.logger.warning("--include \(pattern): \(model) has no such file")
    }
    var modules: [String] = []
    if let list = listing.files.first(where: { $0.path == FileSelection.moduleList }) {
      try place(list, commit: listing.commit) { _ in }
      modules = FileSelection.modules(inFile: "\(cache.snapshot(model, commit: listing.commit))/\(list.path)")
    }
    let chosen = selection.chosen(of: listing.files, modules: modules)
    if FileSelection.hasParts(chosen) {
      console.logger.warning("\(model): the weights are in several parts, which colbert does not read")
    }
    return chosen
  }

  /// Says what will be fetched, and fetches it.
  func fetch(_ files: [HubFile], of listing: HubListing) throws {
    let missing = try files.filter { try !cache.holds($0, of: model, commit: listing.commit) }
    announce(files, missing, listing)
    try checkRoom(for: missing)
    let progress = DownloadProgress(console, files: missing.count, bytes: missing.totalBytes)
    for file in missing {
      progress.begin(file)
      try place(file, commit: listing.commit) { progress.came($0) }
      progress.end(file)
    }
    progress.finish()
  }

  private func announce(_ files: [HubFile], _ missing: [HubFile], _ listing: HubListing) {
    let log = console.logger
    log.info("\(model): commit \(listing.commit), \(files.summary)")
    let rest = listing.files.count - files.count
    if rest > 0 {
      let bytes = listing.files.totalBytes - files.totalBytes
      log.info("left out: \(rest) files of \(byteText(bytes)), which a ColBERT does not need (--include, --all)")
    }
    if missing.isEmpty { return log.info("all of it is in the cache \(cache.path)") }
    log.info("to fetch into the cache \(cache.path): \(missing.summary)")
    for file in missing { log.info("  \(file.path)  \(byteText(file.bytes))") }
  }

  private func checkRoom(for files: [HubFile]) throws {
    if files.isEmpty { return }
    try FileSystem.makeFolder(cache.folder(model))
    let there = try files.reduce(0) {
      $0 + (try FileSystem.size(of: cache.blob(model, $1.hash) + ".incomplete") ?? 0)
    }
    let (needed, free) = (files.totalBytes - there, try FileSystem.freeBytes(at: cache.folder(model)))
    guard needed > free else { return }
    throw HubError(
      """
      \(model) needs \(byteText(needed)) more, and \(cache.path) has room for \(byteText(free)); make room, or set \
      HF_HOME to a folder on another disk
      """)
  }

  /// Brings a file into a snapshot, if it is not there; `onProgress` gets the bytes of it that are there.
  private func place(_ file: HubFile, commit: String, onProgress: @escaping (Int) -> Void) throws {
    let blob = cache.blob(model, file.hash)
    func isThere() throws -> Bool { try FileSystem.size(of: blob) == file.bytes }
    if try !isThere() {
      let lock = cache.lock(model, file.hash)
      let wait = { console.logger.info("\(file.path): another process fetches it; waiting (it holds \(lock))") }
      try cache.holding(lock, onWait: wait) {
        if try !isThere() { try fetch(file, to: blob, commit: commit, onProgress: onProgress) }
      }
    }
    try cache.link(file, of: model, commit: commit)
  }

  /// Fetches a blob; one that is not what the Hub says it is, is removed and fetched once more.
  private func fetch(_ file: HubFile, to blob: String, commit: String, onProgress: @escaping (Int) -> Void) throws {
    try FileSystem.makeFolder(FileSystem.folder(of: blob))
    let url = settings.fileURL(model, commit: commit, file: file.path)
    let incomplete = blob + ".incomplete"
    for isLast in [false, true] {
      let partial = try PartialBlob(incomplete, of: file, onProgress: onProgress)
      let problem = try content(url, file, into: partial)
      guard let problem else { return try partial.commit(as: blob) }
      try FileSystem.remove(incomplete)
      if isLast {
        throw ModelFileError(
          path: url,
          problem: "damaged twice on its way, and removed: \(problem); try later, or without the proxy between")
      }
      console.logger.warning("\(file.path): damaged, and removed: \(problem); fetching it once more")
    }
  }

  /// Fetches what is missing of a file; gives what is wrong with it then.
  private func content(_ url: String, _ file: HubFile, into partial: PartialBlob) throws -> String? {
    do {
      if partial.bytes < file.bytes {
        try client.fetch(url, what: "\(model): \(file.path)", of: model, into: partial)
      }
      return partial.problem()
    } catch is PartialBlob.TooLong {
      return "more came than its \(file.bytes) bytes"
    }
  }
}

/// The answer that lists a model's files.
private final class ListingText: FetchTarget {
  private(set) var content: [UInt8] = []
  var bytes: Int { content.count }

  func append(_ block: ArraySlice<UInt8>) throws {
    guard content.count + block.count <= 64 << 20 else { throw HubError("the list of files is longer than 64 MB") }
    content += block
  }

  func restart() { content = [] }
}

extension [HubFile] {
  fileprivate var totalBytes: Int { reduce(0) { $0 + $1.bytes } }

  fileprivate var summary: String { "\(count) file\(count == 1 ? "" : "s"), \(byteText(totalBytes))" }
}
