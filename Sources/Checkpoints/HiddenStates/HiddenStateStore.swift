import Foundation

/// Hidden states of texts on disk: a file for each rank of each run in one folder, read by all.
///
/// Files are read, not mapped: one that is cut short is then a text that is not known, not a signal, and the bytes go
/// straight to their place. A text whose bytes are not what was written is not known either, and is said once.
package final class HiddenStateStore {
  package let folder: String
  private let format: HiddenStateFormat
  private let rank: Int
  private let notice: (String) -> Void
  /// This rank's own file, made when there is something to write.
  private var own: Int?
  private var isClosed = false
  private var files: [HiddenStateFile] = []
  private var seenNames: Set<String> = []
  private var places: [HiddenStateKey: Place] = [:]

  private struct Place {
    let offset: Int
    let file: Int32
    let tokens: Int32
    /// Whether the bytes have been compared with their SHA-256.
    var isChecked: Bool
  }

  /// - Parameters:
  ///   - folder: made if it is not there; holds states of this format alone.
  ///   - about: what a person should know of them, written beside them as `about.txt`.
  ///   - notice: gets what went wrong without stopping anything.
  package init(
    folder: String, format: HiddenStateFormat, about: String, rank: Int, notice: @escaping (String) -> Void
  ) throws {
    self.folder = folder
    self.format = format
    self.rank = rank
    self.notice = notice
    try FileSystem.makeFolder(folder)
    if rank == 0, try !FileSystem.exists("\(folder)/\(HiddenStateFolder.about)") {
      try replaceFile("\(folder)/\(HiddenStateFolder.about)", with: about)
    }
    try refresh()
  }

  /// Texts that are known.
  package var count: Int { places.count }

  /// Fills `payload` with the states of a text; false if they are not known.
  package func read(_ key: HiddenStateKey, tokens: Int, into payload: inout MutableRawSpan) -> Bool {
    guard var place = places[key], Int(place.tokens) == tokens else { return false }
    let file = files[Int(place.file)]
    let isRead = (try? file.read(at: place.offset, checks: !place.isChecked, into: &payload)) ?? false
    guard isRead else {
      places[key] = nil
      notice("\(file.path) is damaged at byte \(place.offset); the hidden states of that text are computed again")
      return false
    }
    if !place.isChecked {
      place.isChecked = true
      places[key] = place
    }
    return true
  }

  /// Keeps a text's states, unless it is known or the disk has been found full.
  package func keep(_ key: HiddenStateKey, tokens: Int, _ payload: RawSpan) {
    guard !isClosed, places[key] == nil else { return }
    do {
      let number = try own ?? makeOwnFile()
      let offset = try files[number].append(key, tokens: tokens, payload)
      places[key] = Place(offset: offset, file: Int32(number), tokens: Int32(tokens), isChecked: true)
    } catch {
      isClosed = true
      notice(
        """
        \(error): no more hidden states are kept, those of further texts are computed each time. Make room, or see \
        what can go with `colbert cache list`
        """)
    }
  }

  /// Learns what other ranks have added.
  package func refresh() throws {
    for name in try FileSystem.names(in: folder) where name.hasSuffix(HiddenStateFolder.suffix) {
      guard seenNames.insert(name).inserted else { continue }
      let path = "\(folder)/\(name)"
      // Another rank may be about to write its header: it is looked at again next time.
      guard try FileSystem.size(of: path) ?? 0 >= HiddenStateHeader.bytes else {
        seenNames.remove(name)
        continue
      }
      if let file = try HiddenStateFile.open(path, format) {
        files.append(file)
      } else {
        notice("\(path) does not hold the hidden states that its folder says; it is not used")
      }
    }
    for (number, file) in files.enumerated() where number != own {
      for text in try file.newTexts(format) where places[text.key] == nil {
        places[text.key] = Place(
          offset: text.offset, file: Int32(number), tokens: Int32(text.tokens), isChecked: false)
      }
    }
  }

  private func makeOwnFile() throws -> Int {
    let unique = String(UInt32.random(in: .min ... .max), radix: 16)
    let name = "rank-\(rank)-\(unique)\(HiddenStateFolder.suffix)"
    let file = try HiddenStateFile.create("\(folder)/\(name)", format)
    seenNames.insert(name)
    files.append(file)
    own = files.count - 1
    return files.count - 1
  }
}
