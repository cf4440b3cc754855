import Foundation

/// The files of a folder to evaluate retrieval on, in BEIR's layout or in FlagEmbedding's.
package struct CollectionFiles: Equatable, Sendable {
  package let corpus: String
  package let queries: String
  package let judgements: String
  /// Those that the folder must hold, by their names in it.
  package let names: [String]

  /// BEIR's layout, then that of FlagEmbedding's custom evaluation, by queries and judgements; the corpus has one name.
  private static let layouts = [
    ("queries.jsonl", "qrels/test.tsv"), ("test_queries.jsonl", "test_qrels.jsonl"),
    ("dev_queries.jsonl", "dev_qrels.jsonl"),
  ]

  /// The files of `folder`, which need not be there: of the first layout that is complete, else of the first of which the
  /// queries are there, else of BEIR's.
  /// - Parameter judgements: a file to take in the place of the folder's own; nil: none.
  package init(in folder: String, judgements: String? = nil) {
    func path(_ name: String) -> String { URL(filePath: folder).appending(path: name).relativePath }
    func isThere(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }
    let withQueries = Self.layouts.filter { isThere($0.0) }
    let layout =
      (judgements == nil ? withQueries.first { isThere($0.1) } : nil) ?? withQueries.first ?? Self.layouts[0]
    corpus = path("corpus.jsonl")
    queries = path(layout.0)
    self.judgements = judgements ?? path(layout.1)
    names = ["corpus.jsonl", layout.0] + (judgements == nil ? [layout.1] : [])
  }

  package var all: [String] { [corpus, queries, judgements] }
}
