import Foundation

/// The different documents that negatives are looked for in, and what the rows of training files say of them.
///
/// Two texts that differ in white space alone are one document. The texts stay in their files; in memory are some forty
/// bytes a document and twenty a row.
package final class DocumentPool {
  /// Documents from this number on are positives that the corpus lacks: they have scores but are nobody's negatives.
  package let candidateCount: Int
  /// Texts of the corpus that an earlier one equals, and those that say nothing.
  package let repetitions: Int
  package let blanks: Int

  private let data: TrainingData
  private let corpus: TextRecords?
  private let numbers: [TextKey: Int32]
  private let sources: [Source]
  private let positives: [[Int32]]
  /// For each row the number of its query, the same for equal ones, and for each query its rows.
  private let queryNumbers: [Int32]
  private let rowsOfQuery: [[Int32]]
  private var lastRow: (number: Int, row: TrainingRow)?

  /// - Parameter corpus: a file of `{"text": …}` lines; nil: all documents of `data`, positives and negatives.
  package init(_ data: TrainingData, corpus path: String?) throws {
    self.data = data
    corpus = try path.map { try TextRecords(path: $0) }
    var documents = DistinctTexts()
    if let corpus {
      for number in 0..<corpus.count {
        documents.add(try corpus.texts(number..<number + 1)[0], Source(row: Int32(number), place: Source.corpus))
      }
    }
    var queries: [TextKey: Int32] = [:]
    var positives: [[Int32]] = []
    var queryNumbers: [Int32] = []
    var rowsOfQuery: [[Int32]] = []
    var missing: [(row: Int32, place: Int)] = []
    for number in 0..<data.count {
      let row = try data.row(number)
      if corpus == nil {
        for (place, text) in (row.positives + row.negatives).enumerated() {
          documents.add(text, Source(row: Int32(number), place: Int32(place)))
        }
      }
      positives.append(
        row.positives.enumerated().map { place, text in
          if let known = documents.numbers[TextKey(text)] { return known }
          missing.append((Int32(number), place))
          return -1
        })
      let query = queries[TextKey(row.query), default: Int32(queries.count)]
      if queries.updateValue(query, forKey: TextKey(row.query)) == nil { rowsOfQuery.append([]) }
      rowsOfQuery[Int(query)].append(Int32(number))
      queryNumbers.append(query)
    }
    candidateCount = documents.sources.count
    (repetitions, blanks) = (corpus == nil ? 0 : documents.repetitions, documents.blanks)
    for (row, place) in missing {
      let text = try data.row(Int(row)).positives[place]
      documents.add(text, Source(row: row, place: Int32(place)))
      positives[Int(row)][place] = documents.numbers[TextKey(text)]!
    }
    (numbers, sources) = (documents.numbers, documents.sources)
    (self.positives, self.queryNumbers, self.rowsOfQuery) = (positives, queryNumbers, rowsOfQuery)
  }

  /// The text of document `number`. Throws `DataError` when its file has changed since it was opened.
  package func text(_ number: Int) throws -> String {
    let source = sources[number]
    if source.place == Source.corpus { return try corpus!.texts(Int(source.row)..<Int(source.row) + 1)[0] }
    // Neighbours stand in the same row more often than not.
    if lastRow?.number != Int(source.row) { lastRow = (Int(source.row), try data.row(Int(source.row))) }
    let row = lastRow!.row
    let place = Int(source.place)
    return place < row.positives.count ? row.positives[place] : row.negatives[place - row.positives.count]
  }

  /// `FILE:line` of document `number`.
  package func location(_ number: Int) -> String {
    let source = sources[number]
    return source.place == Source.corpus ? corpus!.location(Int(source.row)) : data.location(Int(source.row))
  }

  /// The numbers of a row's positives, in its order.
  package func positives(ofRow row: Int) -> [Int] { positives[row].map(Int.init) }

  /// The documents that are no negatives of a row, ascending: the positives of all rows with the same query, and the
  /// query's own text.
  package func excluded(ofRow row: Int) throws -> [Int] {
    var excluded = Set(rowsOfQuery[Int(queryNumbers[row])].flatMap { positives[Int($0)] })
    if let own = numbers[TextKey(try data.row(row).query)] { excluded.insert(own) }
    return excluded.sorted().map(Int.init)
  }
}

/// Where the text of a document stands: a record of the corpus, or a row's document, its positives first.
private struct Source {
  static let corpus: Int32 = -1

  let row: Int32
  let place: Int32
}

/// Numbers different texts in the order in which they come; blank ones have none.
private struct DistinctTexts {
  private(set) var numbers: [TextKey: Int32] = [:]
  private(set) var sources: [Source] = []
  private(set) var repetitions = 0
  private(set) var blanks = 0

  mutating func add(_ text: String, _ source: Source) {
    if text.isBlank {
      blanks += 1
    } else if numbers.updateValue(numbers[TextKey(text)] ?? Int32(sources.count), forKey: TextKey(text)) == nil {
      sources.append(source)
    } else {
      repetitions += 1
    }
  }
}
