import Foundation
import Testing

@testable import Tokenizers

/// A SentencePiece model that cannot be used is refused with its name and what is wrong; nothing crashes.
@Suite struct SentencePieceFileErrorsTests {
  private static let name = "sentencepiece.bpe.model"

  private func said(_ model: Data, _ files: [String: String] = [:]) throws -> String {
    problem { try withFolder(files, binaries: [Self.name: model]) { try loadTokenizer(folder: $0) } }
  }

  private func tinyModel() throws -> Data {
    try Data(contentsOf: fixtures.appendingPathComponent("tiny-bge-m3/\(Self.name)"))
  }

  @Test func unigramJSONNamesTheFileThatIsNeeded() throws {
    let files = ["tokenizer.json": #"{"model": {"type": "Unigram", "vocab": []}}"#]
    let said = problem { try withFolder(files) { try loadTokenizer(folder: $0) } }
    for part in ["/tokenizer.json", "Unigram", Self.name] { #expect(said.contains(part), "\(said)") }
  }

  @Test func otherClassesAreRefused() throws {
    let said = try said(tinyModel(), ["tokenizer_config.json": #"{"tokenizer_class": "CamembertTokenizer"}"#])
    for part in ["/tokenizer_config.json", "CamembertTokenizer", "XLMRobertaTokenizer"] {
      #expect(said.contains(part), "\(said)")
    }
  }

  #if SENTENCEPIECE
    @Test(arguments: ["", "{}", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5069051\n", "\u{0}"])
    func otherFilesAreRefused(content: String) throws {
      let said = try said(Data(content.utf8))
      for part in ["/\(Self.name): not a SentencePiece model", "Copy it again"] {
        #expect(said.contains(part), "\(said)")
      }
    }

    @Test func foldersAreRefused() throws {
      try withFolder([:]) { folder in
        try FileManager.default.createDirectory(atPath: "\(folder)/\(Self.name)", withIntermediateDirectories: true)
        #expect(problem { try loadTokenizer(folder: folder) }.contains("/\(Self.name): cannot be read"))
      }
    }

    /// Also where it ends between two pieces, where the message that is left is a valid one.
    @Test func truncatedModelsAreRefusedWhereverTheyEnd() throws {
      let model = try tinyModel()
      let ends = pieceEnds(of: model)
      #expect(ends.count == 3000)
      for length in Array(stride(from: 0, to: model.count - 300, by: 4999)) + [ends[2], ends[1000], ends[2999]] {
        let said = try said(model.prefix(length))
        #expect(said.contains("/\(Self.name): ") && said.contains("again"), "\(length): \(said)")
      }
    }

    /// Where each piece of a model ends; a piece is a field 1 of less than 128 bytes.
    private func pieceEnds(of model: Data) -> [Int] {
      var ends: [Int] = []
      var end = 0
      while model[end] == 0x0A {
        end += 2 + Int(model[end + 1])
        ends.append(end)
      }
      return ends
    }

    /// The small model in many places, also where its pieces are; the other one in its map of characters too.
    @Test(arguments: [("sentencepiece/no-map", 61), ("tiny-bge-m3", 9973)])
    func damagedBytesDoNotCrash(folder: String, step: Int) throws {
      let model = try Data(contentsOf: fixtures.appendingPathComponent("\(folder)/\(Self.name)"))
      for place in stride(from: 0, to: model.count, by: step) {
        for byte: UInt8 in [0, 0xFF] {
          var damaged = model
          damaged[place] = byte
          let tokenizer = try? withFolder([:], binaries: [Self.name: damaged]) { try loadTokenizer(folder: $0) }
          guard let tokenizer else { continue }
          for text in ["The ﬁles １２３ e\u{301}", "日本語 <mask>"] {
            #expect(tokenizer.ids(of: text).allSatisfy { (0..<Int32(tokenizer.vocabularySize)).contains($0) })
          }
        }
      }
    }

    @Test func otherKindsOfModelAreRefused() throws {
      let first = [piece("<unk>", type: 2), piece("<s>", type: 3), piece("</s>", type: 3)]
      let words = [piece("▁", score: -1), piece("a", score: -2)]
      for (pieces, kind, map, expected) in [
        ([first[1], first[2]] + words, 1, [], ["not a SentencePiece model", "unk"]),
        (first + [piece("a", score: -1)] + words, 1, [], ["not a SentencePiece model", "a is already defined"]),
        (first + words, 2, [], ["not of the kind Unigram"]),
        ([piece("<pad>", type: 3)] + first + words, 1, [], ["first three pieces", #""<pad>", "<unk>", "<s>""#]),
        (first + words, 1, [4, 0, 0, 0, 0, 0, 0, 0, 0xFF], ["precompiled_charsmap", "copy the file again"]),
        (first + [piece("b", score: .nan)] + words, 1, [], [#"piece 3, "b", has the score nan"#]),
      ] as [([Data], UInt8, [UInt8], [String])] {
        let said = try said(model(pieces, kind: kind, characterMap: map))
        for part in ["/\(Self.name): "] + expected { #expect(said.contains(part), "\(said)") }
      }
      let sound = model(first + words, kind: 1, characterMap: [])
      let tokenizer = try withFolder([:], binaries: [Self.name: sound]) { try loadTokenizer(folder: $0) }
      #expect(tokenizer.ids(of: "a ab") == [4, 5, 4, 5, 3])
    }

    /// A `ModelProto`.
    private func model(_ pieces: [Data], kind: UInt8, characterMap: [UInt8]) -> Data {
      let normalization = characterMap.isEmpty ? Data() : field(2, Data(characterMap))
      return pieces.reduce(Data()) { $0 + field(1, $1) } + field(2, Data([3 << 3, kind])) + field(3, normalization)
    }

    /// A `SentencePiece`.
    private func piece(_ text: String, score: Float = 0, type: UInt8 = 1) -> Data {
      let score = (0..<4).map { UInt8(truncatingIfNeeded: score.bitPattern >> (8 * $0)) }
      return field(1, Data(text.utf8)) + [2 << 3 | 5] + score + [3 << 3, type]
    }

    /// A protobuf field of less than 128 bytes.
    private func field(_ number: UInt8, _ bytes: Data) -> Data { [number << 3 | 2, UInt8(bytes.count)] + bytes }
  #else
    @Test func whatToInstallIsSaid() throws {
      let said = try said(tinyModel())
      for part in ["/\(Self.name): ", "libsentencepiece-dev", "--manifest-cache none"] {
        #expect(said.contains(part), "\(said)")
      }
    }
  #endif
}
