import Crypto
import Foundation

/// What a checkpoint consists of. Its file is what makes a folder of shards a checkpoint.
struct CheckpointManifest: Codable, Equatable, Sendable {
  struct Buffer: Codable, Equatable, Sendable {
    let name: String
    /// The number of floats, over all shards.
    var count: Int
  }

  /// The file that one rank wrote.
  struct Shard: Codable, Equatable, Sendable {
    let file: String
    let bytes: Int
    let sha256: String
    /// Which floats of each buffer it has.
    let ranges: [String: Range<Int>]
  }

  static let currentVersion = 1

  var version = currentVersion
  let step: Int
  let rankCount: Int
  var buffers: [Buffer]
  var tensors: [TensorRecord]
  /// In the order of ranks.
  var shards: [Shard]
  /// SHA-256 of the whole parameters' bytes, which all ranks agreed on.
  var parameterHash: String
  /// The rest of the run's state: epoch, position, seed.
  let state: [String: String]
  /// The step of another checkpoint that a run going on from this one will read, if there is one.
  var needs: Int?

  enum CodingKeys: String, CodingKey {
    case version, step
    case rankCount = "rank_count"
    case buffers, tensors, shards
    case parameterHash = "parameters_sha256"
    case state, needs
  }

  /// What a shard's own metadata says, the most telling first, so that a shard in the place of another is recognised.
  static func shardMetadata(
    step: Int, rank: Int, rankCount: Int, ranges: [String: Range<Int>]
  ) -> KeyValuePairs<String, String> {
    ["step": "\(step)", "rank": "\(rank)", "rank_count": "\(rankCount)", "ranges": text(of: ranges)]
  }

  private static func text(of ranges: [String: Range<Int>]) -> String {
    ranges.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
  }
}

extension CheckpointManifest {
  /// Throws unless `hash` is the one of the parameters that all ranks agreed on; `path` is what to name.
  func check(parameterHash hash: String, path: String) throws {
    guard hash == parameterHash else {
      throw CheckpointError.damaged(path, "the parameters' SHA-256 is \(hash), the manifest says \(parameterHash)")
    }
  }
}

/// The file: an object of the manifest and the SHA-256 of its text, so that no digit of it changes unseen.
extension CheckpointManifest {
  private static let head = Array("{\n\"manifest\": ".utf8)
  private static let hashHead = Array(",\n\"sha256\": \"".utf8)
  private static let tail = Array("\"\n}\n".utf8)

  /// The bytes of the file.
  func fileBytes() throws -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let text = Array(try encoder.encode(self))
    return Self.head + text + Self.hashHead + Array(hexadecimal(SHA256.hash(data: text)).utf8) + Self.tail
  }

  /// Reads and checks the bytes of the file `path`.
  init(fileBytes: [UInt8], path: String) throws {
    let hashLength = 64
    let textEnd = fileBytes.count - Self.tail.count - hashLength - Self.hashHead.count
    guard textEnd >= Self.head.count, fileBytes.starts(with: Self.head),
      fileBytes[textEnd...].starts(with: Self.hashHead), fileBytes.suffix(Self.tail.count).elementsEqual(Self.tail)
    else {
      throw CheckpointError.damaged(
        path, "expected a checkpoint's manifest and its SHA-256, found something else or half of it")
    }
    let text = fileBytes[Self.head.count..<textEnd]
    let hash = fileBytes[(textEnd + Self.hashHead.count)...].prefix(hashLength)
    guard hexadecimal(SHA256.hash(data: text)).utf8.elementsEqual(hash) else {
      throw CheckpointError.damaged(
        path, "the manifest does not have the SHA-256 that is written in it: it was changed")
    }
    self = try Self.decoded(Data(text), path: path)
    try checkConsistency(path: path)
  }

  private static func decoded(_ text: Data, path: String) throws -> CheckpointManifest {
    struct Version: Decodable { let version: Int }
    do {
      let version = try JSONDecoder().decode(Version.self, from: text).version
      guard version == currentVersion else {
        throw CheckpointError.damaged(
          path, "is of checkpoint format \(version), this program reads format \(currentVersion)")
      }
      return try JSONDecoder().decode(CheckpointManifest.self, from: text)
    } catch let error as DecodingError {
      throw CheckpointError.damaged(path, "is not a manifest of format \(currentVersion): \(error)")
    }
  }

  /// Throws unless the shards make up the buffers and the tensors the parameters, end to end.
  private func checkConsistency(path: String) throws {
    guard shards.count == rankCount, rankCount > 0 else {
      throw CheckpointError.damaged(path, "has \(shards.count) shards of \(rankCount) ranks")
    }
    for buffer in buffers {
      var end = 0
      for shard in shards {
        guard let range = shard.ranges[buffer.name], range.lowerBound == end else {
          throw CheckpointError.damaged(path, "the shards' ranges of \(buffer.name) do not follow each other")
        }
        end = range.upperBound
      }
      guard end == buffer.count else {
        throw CheckpointError.damaged(path, "the shards have \(end) of the \(buffer.count) floats of \(buffer.name)")
      }
    }
    guard let count = buffers.first(where: { $0.name == CheckpointBuffer.parameters })?.count else {
      throw CheckpointError.damaged(path, "has no buffer \(CheckpointBuffer.parameters)")
    }
    var end = 0
    for tensor in tensors {
      guard tensor.range.lowerBound == end, product(tensor.shape) == tensor.range.count else {
        throw CheckpointError.damaged(
          path,
          "tensor \(tensor.name) \(tensor.shape) at \(tensor.range) does not follow the \(end) parameters before it")
      }
      end = tensor.range.upperBound
    }
    guard end == count else {
      throw CheckpointError.damaged(path, "the tensors have \(end) of the \(count) parameters")
    }
  }
}
