/// The parts of a zip archive that `torch.save` wrote.
struct PyTorchArchive {
  let file: MappedFile
  /// The folder in the archive that all of it lies in, with a slash.
  private let top: String
  private let entries: [String: ZipEntry]

  /// What files of PyTorch before 1.6 start with: PROTO 2, and a magic number as LONG1.
  static let legacyStart: [UInt8] = [0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]
  /// PyTorch's `kMaxSupportedFileFormatVersion`.
  private static let newestVersion = 10

  /// Checks the archive's directory, its version and its byte order.
  init(_ file: MappedFile) throws {
    self.file = file
    let start = unsafe file.withBytes { unsafe [UInt8]($0.prefix(16)) }
    func failure(_ problem: String) -> ModelFileError { ModelFileError(path: file.path, problem: problem) }
    try refuseGitLFSPointer(start, path: file.path)
    guard !start.starts(with: Self.legacyStart) else {
      throw failure(
        "is in the format of PyTorch before 1.6, which is no zip archive. Save it again with Python: "
          + "`torch.save(torch.load(FILE, weights_only=True), FILE)`")
    }
    guard start.starts(with: "PK".utf8) else { throw failure("expected a zip archive that torch.save wrote") }
    entries = try ZipArchive(file).entries
    let tops = entries.keys.filter { $0.hasSuffix("/data.pkl") }.map { $0.dropLast("data.pkl".count) }
    guard let top = tops.first, tops.count == 1 else {
      throw failure("expected one data.pkl, as torch.save writes it, found \(tops.count)")
    }
    self.top = String(top)
    guard entries[top + "constants.pkl"] == nil else {
      throw failure("is a TorchScript program, expected a state dict, as torch.save writes it")
    }
    let version = try text("version") ?? "(none)"
    guard let number = Int(version), 1...Self.newestVersion ~= number else {
      throw failure("has the version \(version.debugDescription), expected 1 to \(Self.newestVersion)")
    }
    let order = try text("byteorder") ?? "little"
    guard order == "little" else { throw failure("has the byte order \(order.debugDescription), expected \"little\"") }
  }

  /// The bytes of `data.pkl`.
  func pickle() throws -> [UInt8] { try bytes(entry("data.pkl")!, limit: PickleReader.maximumLength) }

  /// The entry that holds the storage `key`.
  func storage(_ key: String) throws -> ZipEntry? { try entry("data/\(key)") }

  /// The entry `name`, known to be stored as it is; nil if there is none.
  private func entry(_ name: String) throws -> ZipEntry? {
    guard let entry = entries[top + name] else { return nil }
    guard entry.method == 0 else {
      throw ModelFileError(
        path: file.path,
        problem:
          "its \(entry.name) is compressed (method \(entry.method)); torch.save stores entries as they are. Unpack "
          + "the archive and pack it again with `zip -0 -r`, or save the weights as safetensors")
    }
    return entry
  }

  /// The text of the small entry `name` without white space around it, nil if there is no such entry.
  private func text(_ name: String) throws -> String? {
    guard let entry = try entry(name) else { return nil }
    let text = String(decoding: try bytes(entry, limit: 64), as: UTF8.self)
    return text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
  }

  private func bytes(_ entry: ZipEntry, limit: Int) throws -> [UInt8] {
    func failure(_ problem: String) -> ModelFileError {
      ModelFileError(path: file.path, problem: "its \(entry.name) \(problem)")
    }
    guard entry.bytes.count <= limit else {
      throw failure("has \(entry.bytes.count) bytes, more than any state dict needs (\(limit))")
    }
    guard file.isWhole(entry) else { throw failure("is damaged: its CRC-32 is not what it was when it was written") }
    return unsafe file.withBytes { unsafe [UInt8]($0[entry.bytes]) }
  }
}

extension MappedFile {
  /// Whether the bytes of `entry` have the CRC-32 that they should have.
  func isWhole(_ entry: ZipEntry) -> Bool {
    guard let crc = entry.crc else { return true }
    return unsafe withBytes { unsafe crc32(UnsafeRawBufferPointer(rebasing: $0[entry.bytes]).bytes) } == crc
  }
}
