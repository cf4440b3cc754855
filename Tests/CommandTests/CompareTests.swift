import Foundation
import Testing

@Suite struct CompareTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try folder.write(
      (0..<6).map { "{\"query\": \"q\($0)\", \"mrr@10\": 0.5, \"map\": \($0 % 2)}\n" }.joined(), to: "a.jsonl")
    // The same queries in another order.
    try folder.write(
      (0..<6).reversed().map { "{\"map\": \($0 % 2), \"query\": \"q\($0)\", \"mrr@10\": 0.75}\n" }.joined(),
      to: "b.jsonl")
  }

  private func compare(_ a: String, _ b: String) throws -> Command.Ended {
    try Command.colbert(["compare", a, b, "--json", "c.json"], in: folder.path)
  }

  @Test func testsThePairedDifferences() throws {
    let ended = try compare("a.jsonl", "b.jsonl")
    #expect(ended.status == 0)
    #expect(
      ended.output == """
                     A       B    B - A  95% confidence            p
        mrr@10  0.5000  0.7500  +0.2500  +0.2500 to +0.2500  0.03125
        map     0.5000  0.5000   0.0000  0.0000 to 0.0000    1.00000
        6 queries; A: a.jsonl, B: b.jsonl

        """)
    struct Written: Decodable {
      struct Figure: Decodable, Equatable { let name: String, a, b, difference, low, high, p: Double }
      let queries: Int
      let figures: [Figure]
    }
    let written = try JSONDecoder().decode(Written.self, from: folder.bytes(of: "c.json"))
    #expect(written.queries == 6)
    // Of all 64 signs two are as far from zero.
    #expect(
      written.figures[0]
        == .init(name: "mrr@10", a: 0.5, b: 0.75, difference: 0.25, low: 0.25, high: 0.25, p: 2.0 / 64))
  }

  @Test func refusesFilesThatCannotBePaired() throws {
    let lines = try folder.text(of: "a.jsonl")
    for (name, text, complaint) in [
      ("fewer", lines.replacing("q3", with: "new"), #"fewer: queries of a.jsonl are missing: "q3""#),
      ("more", lines + lines.replacing(": \"q", with: ": \"r"), #"a.jsonl: queries of more are missing: "r0", "r1""#),
      ("other", lines.replacing("map", with: "mop"), #"other: figures of a.jsonl are missing: "map""#),
      ("twice", lines + lines, #"twice:7: the query "q0" stands on line 1 already"#),
      ("ragged", lines + "{\"query\": \"q6\", \"map\": 1}\n", "ragged:7: the line has map, the first one mrr@10, map"),
      ("text", lines + "{\"query\": \"q6\", \"map\": \"1\"}\n", #"text:7: "map" must be a number, but it is a string"#),
      ("empty", "", "empty: the file holds no row"),
    ] {
      try folder.write(text, to: name)
      let ended = try compare("a.jsonl", name)
      #expect(ended.status == 65 && ended.complaints.count == 1 && ended.output == "")
      #expect(ended.complaints.joined().contains(complaint), "\(ended.errors)")
    }
    #expect(try compare("a.jsonl", "gone").status == 64)
    #expect(!folder.has("c.json"))
  }
}
