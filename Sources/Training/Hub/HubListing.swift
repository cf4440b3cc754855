import Foundation

/// What a file of a model holds, by the hash that its blob is named by.
enum BlobHash: Equatable, Sendable {
  /// Of a large file.
  case sha256(String)
  /// As git hashes a blob: SHA-1 of `blob SIZE`, a zero byte, and the content.
  case gitSHA1(String)

  /// In hexadecimal.
  var text: String {
    switch self {
    case .sha256(let text), .gitSHA1(let text): text
    }
  }

  var algorithm: String {
    switch self {
    case .sha256: "SHA-256"
    case .gitSHA1: "git SHA-1"
    }
  }
}

/// A file of a model on the Hub.
struct HubFile: Equatable, Sendable {
  /// Inside the model's folder: `1_Dense/config.json`.
  let path: String
  let bytes: Int
  let hash: BlobHash

  /// "" of a file that is in no subfolder.
  var folder: String { path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "" }
  var name: String { path.split(separator: "/").last.map(String.init) ?? path }
}

/// A revision of a model, as the Hub lists it.
struct HubListing: Equatable, Sendable {
  let commit: String
  let files: [HubFile]

  /// Reads the Hub's answer, JSON. Its names become paths and its hashes file names, so they are looked at closely.
  ///
  /// - Parameter source: its address, for messages.
  init(_ json: [UInt8], from source: String) throws {
    func problem(_ text: String) -> HubError {
      HubError("\(source) answers in another way than the Hugging Face Hub: \(text). Is HF_ENDPOINT right?")
    }
    let answer: Answer
    do {
      answer = try JSONDecoder().decode(Answer.self, from: Data(json))
    } catch let error as DecodingError {
      throw problem(error.explanation)
    }
    guard isCommit(answer.sha) else { throw problem("its commit is \(answer.sha)") }
    commit = answer.sha
    files = try answer.siblings.map { entry in
      guard isRelativePath(entry.rfilename) else { throw problem("a file is named \(entry.rfilename)") }
      guard let file = HubFile(entry) else {
        throw problem("\(entry.rfilename) has no size, or no hash, or one that is none")
      }
      return file
    }
  }

  fileprivate struct Answer: Decodable {
    let sha: String
    let siblings: [Entry]
  }

  fileprivate struct Entry: Decodable {
    struct LargeFile: Decodable {
      let sha256: String
      let size: Int
    }

    let rfilename: String
    let size: Int?
    let blobId: String?
    let lfs: LargeFile?
  }
}

extension HubFile {
  fileprivate init?(_ entry: HubListing.Entry) {
    if let large = entry.lfs {
      guard isHexadecimal(large.sha256, digits: 64), large.size >= 0 else { return nil }
      self.init(path: entry.rfilename, bytes: large.size, hash: .sha256(large.sha256))
    } else {
      guard let id = entry.blobId, let size = entry.size, isHexadecimal(id, digits: 40), size >= 0 else { return nil }
      self.init(path: entry.rfilename, bytes: size, hash: .gitSHA1(id))
    }
  }
}
