import Foundation

/// Shows on standard error how far a download is: on a terminal one line that changes, elsewhere a line for each file.
final class DownloadProgress {
  private let console: Console
  private let fileCount: Int
  private let allBytes: Int
  private var file = ""
  private var filesDone = 0
  private var bytesDone = 0
  /// Of the file that is being fetched.
  private var bytesHere = 0
  /// Of that file before this process began with it; nil until it is known.
  private var bytesFound: Int?
  /// What came over the network.
  private var bytesFetched = 0
  private let start = ContinuousClock.now
  private var fileStart = ContinuousClock.now
  private var lastShown: ContinuousClock.Instant?

  /// - Parameters:
  ///   - files: how many are fetched.
  ///   - bytes: of them all, also those of them that an earlier attempt left.
  init(_ console: Console, files: Int, bytes: Int) {
    self.console = console
    fileCount = files
    allBytes = bytes
  }

  func begin(_ file: HubFile) {
    (self.file, bytesHere, bytesFound, fileStart) = (file.path, 0, nil, .now)
  }

  /// So many bytes of the file are there now.
  func came(_ bytes: Int) {
    if let bytesFound { bytesFetched += max(bytes - max(bytesHere, bytesFound), 0) } else { bytesFound = bytes }
    bytesHere = bytes
    guard let columns = console.columns, lastShown.map({ .now - $0 >= .milliseconds(100) }) ?? true else { return }
    lastShown = .now
    console.setStatus(line(columns: columns - 1, seconds: (ContinuousClock.now - start) / .seconds(1)))
  }

  func end(_ file: HubFile) {
    filesDone += 1
    bytesDone += file.bytes
    bytesHere = 0
    if !console.isTerminal {
      let seconds = (ContinuousClock.now - fileStart) / .seconds(1)
      console.line(
        "fetched \(filesDone)/\(fileCount)  \(file.path)  \(byteText(file.bytes))  \(ProgressFormat.duration(seconds))")
    }
  }

  /// Takes the line that changes away.
  func finish() { if console.isTerminal { console.setStatus("") } }

  /// `3/14 model.safetensors ▕███▌    ▏ 1.2 GB of 2.3 GB  43 MB/s  25 s left`, in at most `columns` columns.
  func line(columns: Int, seconds: Double) -> String {
    let counter = "\(min(filesDone + 1, fileCount))/\(fileCount) \(file)"
    let bytes = bytesDone + bytesHere
    var facts = ["\(byteText(bytes)) of \(byteText(allBytes))"]
    if bytesFetched > 0 && seconds > 0 {
      let rate = Double(bytesFetched) / seconds
      facts += [
        "\(byteText(Int(rate)))/s", "\(ProgressFormat.duration(Double(max(allBytes - bytes, 0)) / rate)) left",
      ]
    }
    return ProgressFormat.line(counter, share: Double(bytes) / Double(max(allBytes, 1)), facts: facts, columns: columns)
  }
}
