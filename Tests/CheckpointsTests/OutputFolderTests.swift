import Foundation
import Testing

@testable import Checkpoints

/// A folder that has its name only once it is whole.
@Suite struct OutputFolderTests {
  private struct Stop: Error {}

  private func names(_ path: String) throws -> [String] { try FileSystem.names(in: path) }

  @Test func appearsWhole() throws {
    let folder = TemporaryFolder()
    let path = "\(folder.path)/a/b"
    for content in ["first", "second"] {
      try writeFolder("\(path)/") { aside in
        #expect(FileSystem.folder(of: aside) == "\(folder.path)/a", "on the same file system")
        try makeFolder("\(aside)/inner")
        try replaceFile("\(aside)/inner/\(content)", with: content)
        let before = try names(path)
        #expect(before == (content == "first" ? [] : ["inner"]), "until then there is what there was")
      }
      #expect(try names("\(folder.path)/a") == ["b"])
      #expect(try names("\(path)/inner") == [content], "a folder that had the name is replaced")
    }
  }

  /// What fails leaves nothing, and what there was.
  @Test func failsWithoutATrace() throws {
    let folder = TemporaryFolder()
    let path = "\(folder.path)/out"
    #expect(throws: Stop.self) {
      try writeFolder(path) { aside in
        try replaceFile("\(aside)/file", with: "x")
        throw Stop()
      }
    }
    #expect(try names(folder.path) == [])
    try writeFolder(path) { try replaceFile("\($0)/kept", with: "x") }
    #expect(throws: Stop.self) { try writeFolder(path) { _ in throw Stop() } }
    #expect(try names(folder.path) == ["out"])
    #expect(try names(path) == ["kept"])
    // What a killed process left is swept.
    try makeFolder("\(path).colbert-partial/x")
    try writeFolder(path) { try replaceFile("\($0)/new", with: "x") }
    #expect(try names(folder.path) == ["out"])
    #expect(try names(path) == ["new"])
  }

  @Test(arguments: [0, 1, 1 << 20, (1 << 20) + 1]) func filesAreCopied(count: Int) throws {
    let folder = TemporaryFolder()
    let bytes = Data((0..<count).map { UInt8(truncatingIfNeeded: $0 * 7) })
    try bytes.write(to: URL(fileURLWithPath: "\(folder.path)/source"))
    #expect(try copyFile("\(folder.path)/source", to: "\(folder.path)/target"))
    let isSame = try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/target")) == bytes
    #expect(isSame)
    let isThere = try copyFile("\(folder.path)/nowhere", to: "\(folder.path)/other")
    #expect(!isThere)
    #expect(try names(folder.path) == ["source", "target"])
  }
}
