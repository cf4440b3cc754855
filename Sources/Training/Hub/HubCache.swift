import Checkpoints
import Foundation

/// The folder in which Hugging Face's Python client keeps models, and so this program too.
///
/// `models--ORG--NAME/` holds `blobs/HASH`, the files by what they hold; `snapshots/COMMIT/FILE`, links to them; and
/// `refs/REVISION`, the commit that a branch or tag was when it was last fetched. A blob on its way is
/// `blobs/HASH.incomplete`, and whoever fetches it holds `.locks/models--ORG--NAME/HASH.lock`.
/// Source: <https://huggingface.co/docs/huggingface_hub/guides/manage-cache>.
struct HubCache: Sendable, Equatable {
  let path: String

  func folder(_ model: HubModel) -> String { "\(path)/\(Self.name(of: model))" }

  func blob(_ model: HubModel, _ hash: BlobHash) -> String { "\(folder(model))/blobs/\(hash.text)" }

  func lock(_ model: HubModel, _ hash: BlobHash) -> String {
    "\(path)/.locks/\(Self.name(of: model))/\(hash.text).lock"
  }

  func snapshot(_ model: HubModel, commit: String) -> String { "\(folder(model))/snapshots/\(commit)" }

  func reference(_ model: HubModel) -> String { "\(folder(model))/refs/\(model.revision)" }

  /// The commit that the cache has for a revision, and its folder; nil if it has none.
  func snapshot(_ model: HubModel) -> (commit: String, folder: String)? {
    let reference = (try? String(contentsOfFile: reference(model), encoding: .utf8)) ?? model.revision
    let commit = reference.trimmingCharacters(in: .whitespacesAndNewlines)
    let folder = snapshot(model, commit: commit)
    guard isCommit(commit), FileManager.default.fileExists(atPath: "\(folder)/.") else { return nil }
    return (commit, folder)
  }

  /// Whether a file of a snapshot is there, with the bytes that it should have.
  func holds(_ file: HubFile, of model: HubModel, commit: String) throws -> Bool {
    try FileSystem.size(of: "\(snapshot(model, commit: commit))/\(file.path)") == file.bytes
  }

  /// Makes a snapshot's file a link to its blob, relative, so that the cache can be moved.
  func link(_ file: HubFile, of model: HubModel, commit: String) throws {
    let link = "\(snapshot(model, commit: commit))/\(file.path)"
    let depth = 2 + file.path.count { $0 == "/" }
    let target = String(repeating: "../", count: depth) + "blobs/\(file.hash.text)"
    if FileSystem.target(ofLink: link) == target { return }
    try FileSystem.makeFolder(FileSystem.folder(of: link))
    try FileSystem.link(link, to: target)
  }

  /// Notes which commit a branch or tag is. Called when all its files are there.
  func note(_ commit: String, as model: HubModel) throws {
    guard model.revision != commit else { return }
    let reference = reference(model)
    if (try? String(contentsOfFile: reference, encoding: .utf8)) == commit { return }
    try FileSystem.makeFolder(FileSystem.folder(of: reference))
    try holding("\(path)/.locks/\(Self.name(of: model))/refs.lock") { try replaceFile(reference, with: commit) }
  }

  /// Runs `body` while no other process holds the lock file `path`.
  ///
  /// - Parameter onWait: called first if another does.
  func holding(_ path: String, onWait: () -> Void = {}, _ body: () throws -> Void) throws {
    try FileSystem.makeFolder(FileSystem.folder(of: path))
    let lock = try FileLock(path, onWait: onWait)
    try body()
    withExtendedLifetime(lock) {}
  }

  private static func name(of model: HubModel) -> String { "models--\(model.name.replacing("/", with: "--"))" }
}
