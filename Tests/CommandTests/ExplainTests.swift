import Checkpoints
import Foundation
import TestSupport
import Testing

/// What `explain` says of a score: the numbers are the evaluation's, and every form has them.
@Suite(.enabled(if: Command.mpirun != nil, "needs mpirun"))
struct ExplainTests {
  private struct Explained: Decodable {
    struct Token: Decodable {
      let text: String
      let givesVector: Bool
      let isExpansion: Bool
    }
    struct Text: Decodable {
      let tokens: [Token]
      let isTruncated: Bool
    }
    struct Match: Decodable {
      let queryToken: Int
      let documentToken: Int
      let similarity: Double
      let contribution: Double
    }
    struct Document: Decodable {
      let text: Text
      let score: Double
      let matches: [Match]
      let similarities: [[Double]]
    }
    let model: String
    let reduction: String
    let query: Text
    let documents: [Document]
  }

  private let folder: TemporaryFolder
  private let reference: ReferenceTexts

  init() throws {
    folder = try TemporaryFolder()
    reference = try ReferenceTexts()
  }

  private func explain(
    _ model: String, _ query: String, _ documents: [String], _ more: [String] = [], ranks: Int? = nil
  ) throws -> (output: String, explained: [Explained]) {
    let texts = ["--query", query] + documents.flatMap { ["--document", $0] }
    let ended = try Command.colbert(
      ["explain", "--model", fixture(model), "--json", "e.json"] + texts + more, ranks: ranks, in: folder.path)
    try #require(ended.status == 0, "\(ended.errors)")
    return (ended.output, try JSONDecoder().decode([Explained].self, from: folder.bytes(of: "e.json")))
  }

  /// PyLate's scores in float64; each of up to 32 similarities is within 1e-5.
  @Test func theScoresAreTheReferences() throws {
    for query in 0..<2 {
      let explained = try explain("tiny-pylate", reference.queries[query], reference.documents).explained[0]
      #expect(explained.reduction == "sum")
      for (document, score) in zip(explained.documents, reference.scores[query]) {
        #expect(abs(document.score - score) < 32e-5)
      }
    }
  }

  /// Each query token's match is the largest of its similarities, and the contributions make up the score.
  @Test(arguments: ["tiny-pylate", "tiny-bge-m3"]) func theMatchesMakeUpTheScore(model: String) throws {
    let (output, all) = try explain(model, reference.queries[0], Array(reference.documents.prefix(3)))
    let explained = all[0]
    let isMean = model == "tiny-bge-m3"
    #expect(explained.reduction == (isMean ? "mean" : "sum"))
    let asking = explained.query.tokens.indices.filter { explained.query.tokens[$0].givesVector }
    #expect(asking.count == explained.query.tokens.count - (isMean ? 1 : 0), "bge-m3 leaves the first token out")
    for document in explained.documents {
      let places = document.text.tokens.indices.filter { document.text.tokens[$0].givesVector }
      #expect(document.matches.map(\.queryToken) == asking)
      #expect(document.similarities.count == asking.count)
      for (match, row) in zip(document.matches, document.similarities) {
        #expect(row.count == places.count)
        let best = try #require(row.indices.max { row[$0] < row[$1] })
        #expect(match.documentToken == places[best] && match.similarity == row[best])
        #expect(row.allSatisfy { abs($0) < 1.00001 })
        #expect(abs(match.contribution - match.similarity / (isMean ? Double(asking.count) : 1)) < 1e-6)
      }
      #expect(abs(document.matches.reduce(0) { $0 + $1.contribution } - document.score) < 1e-5)
    }
    #expect(output.contains("document 3: score "))
    #expect(output.contains("query token") && !output.contains("\u{1B}"), "a file is no terminal")
  }

  /// `encode` gives the vectors, whose products must be the similarities.
  @Test func theSimilaritiesAreTheVectors() throws {
    let (query, document) = (reference.queries[1], reference.documents[2])
    let explained = try explain("tiny-pylate", query, [document]).explained[0].documents[0]
    func vectors(_ role: String, _ text: String) throws -> [[Float]] {
      try reference.write([text], to: "\(role).jsonl", in: folder)
      let arguments = ["--role", role, "--input", "\(role).jsonl", "--output", role]
      let ended = try Command.colbert(["encode", "--model", fixture("tiny-pylate")] + arguments, in: folder.path)
      try #require(ended.status == 0, "\(ended.errors)")
      let values = try SafetensorsFile("\(folder.path)/\(role)").floats("vectors")
      return stride(from: 0, to: values.count, by: 32).map { Array(values[$0..<$0 + 32]) }
    }
    let documents = try vectors("document", document)
    for (row, a) in zip(explained.similarities, try vectors("query", query)) {
      for (similarity, b) in zip(row, documents) {
        #expect(abs(similarity - Double(zip(a, b).reduce(0) { $0 + $1.0 * $1.1 })) < 1e-6)
      }
    }
  }

  @Test func tellsExpansionAndTruncation() throws {
    let long = Array(repeating: reference.documents[0], count: 60).joined(separator: " ")
    let (output, explained) = try explain("tiny-pylate", reference.queries[0], [long])
    #expect(explained[0].documents[0].text.isTruncated)
    #expect(output.contains("the document was too long and is cut short"))
    let expansion = explained[0].query.tokens.filter(\.isExpansion)
    #expect(!expansion.isEmpty && expansion.allSatisfy { $0.text == "[MASK]" })
    #expect(explained[0].query.tokens.filter { !$0.isExpansion }.allSatisfy { $0.text != "[MASK]" })
  }

  @Test func isTheSameOnAnyRanks() throws {
    var outputs: Set<String> = []
    for ranks in [nil, 2, 3] as [Int?] {
      let (output, _) = try explain(
        "tiny-pylate", reference.queries[0], Array(reference.documents.prefix(4)), ["--html", "e.html"], ranks: ranks)
      outputs.insert(output + (try folder.text(of: "e.json")) + (try folder.text(of: "e.html")))
    }
    #expect(outputs.count == 1)
  }

  @Test func setsTwoModelsBesideEachOther() throws {
    let (output, explained) = try explain(
      "tiny-pylate", reference.queries[0], [reference.documents[0]],
      ["--against", fixture("tiny-bert"), "--dimension", "16", "--html", "e.html"])
    #expect(explained.map(\.model) == [fixture("tiny-bert"), fixture("tiny-pylate")])
    #expect(explained[0].documents[0].score != explained[1].documents[0].score)
    let page = try folder.text(of: "e.html")
    #expect(page.contains("Before: score") && page.contains("Now: score"))
    #expect(output.contains("document 1, before (\(fixture("tiny-bert")))"))

    let (same, _) = try explain(
      "tiny-pylate", reference.queries[0], [reference.documents[0]], ["--against", fixture("tiny-pylate")])
    let change = try #require(same.split(separator: "\n").first { $0.hasPrefix("score") })
    #expect(change.hasSuffix("+0.0000"))
  }

  /// Nothing is fetched, and no text becomes markup.
  @Test func thePageHoldsAllItNeeds() throws {
    let (_, explained) = try explain(
      "tiny-pylate", reference.queries[0], ["<script>alert(1)</script> & \"more\"", reference.documents[1]],
      ["--html", "e.html"])
    let page = try folder.text(of: "e.html")
    for foreign in ["http:", "https:", "src=", "<script", "@import", "url("] {
      #expect(!page.contains(foreign), "\(foreign)")
    }
    #expect(page.contains("&lt;") && page.contains("&amp;"))
    #expect(page.components(separatedBy: "class=\"winner\"").count - 1 == 2 * explained[0].query.tokens.count)
    #expect(page.contains("prefers-color-scheme: dark"))
  }

  @Test(
    arguments: [
      (["--query", "a"], "Missing expected argument '--document"),
      (["--document", "a"], "Missing expected argument '--query"),
      (["--query", "  ", "--document", "a"], "--query is empty; give a text."),
      (["--query", "a", "--document", ""], "--document is empty; give a text."),
      (["--query", "a", "--document", "b", "--dimension", "0"], "--dimension is 0; it must be 1 or more."),
      (["--query", "a", "--document", "b", "--against", "gone"], "--against: there is no folder gone in"),
      (["--query", "a", "--document", "b", "--html", "no/x.html"], "--html: there is no folder no in"),
      (["--query", "a", "--document", "b", "--against", fixture("tiny-bert")], "has no ColBERT head"),
    ] as [([String], String)])
  func refusesWhatItCannotExplain(arguments: [String], message: String) throws {
    let ended = try Command.colbert(["explain", "--model", fixture("tiny-pylate")] + arguments, in: folder.path)
    #expect(ended.status == 64 && ended.output == "")
    #expect(ended.errors.contains(message), "\(ended.errors)")
  }
}
