/// Whole queries and whole documents of one tile, as ranges of sequences.
package struct MaxSimTile: Sendable {
  package let queries: Range<Int>
  package let documents: Range<Int>

  package init(queries: Range<Int>, documents: Range<Int>) {
    self.queries = queries
    self.documents = documents
  }
}

/// How much of a similarity matrix exists at once: 256 × 1,024 floats are 1 MiB, a core's second-level cache.
private let rowsAtOnce = 256
private let columnsAtOnce = 1_024

/// Adds up, for every query and document of a tile, the largest similarity of each query token.
///
/// - Parameters:
///   - queries: `[query tokens × dimension]`, query `i` is rows `queryStarts[i] ..< queryStarts[i + 1]`.
///   - documents: `[document tokens × dimension]`, likewise.
///   - scores: `[queries × documents]`; the tile's entries are overwritten. A document without tokens scores −∞.
///   - winners: `[query tokens × documents]`, if wanted.
package func maxSim(
  _ tile: MaxSimTile, queries: Matrix, queryStarts: [Int], documents: Matrix, documentStarts: [Int],
  into scores: Matrix, winners: WinnerTable?
) {
  let width = tile.documents.count
  let rows = queryStarts[tile.queries.lowerBound]..<queryStarts[tile.queries.upperBound]
  for query in tile.queries {
    (scores.base + query * scores.columns + tile.documents.lowerBound).update(repeating: 0, count: width)
  }
  withUnsafeTemporaryAllocation(of: Float.self, capacity: rowsAtOnce * (columnsAtOnce + width)) { scratch in
    let best = Matrix(base: scratch.baseAddress!, rows: rowsAtOnce, columns: width)
    let similarities = scratch.baseAddress! + rowsAtOnce * width
    var query = tile.queries.lowerBound
    for first in stride(from: rows.lowerBound, to: rows.upperBound, by: rowsAtOnce) {
      let piece = first..<min(rows.upperBound, first + rowsAtOnce)
      findMaxima(
        queries.rows(piece), documents, documentStarts, tile.documents, firstRow: first, best, similarities, winners)
      for row in piece {
        while row >= queryStarts[query + 1] { query += 1 }
        let sums = scores.base + query * scores.columns + tile.documents.lowerBound
        let maxima = best.base + (row - first) * width
        for d in 0..<width { sums[d] += maxima[d] }
      }
    }
  }
}

/// Runs along the documents' tokens, a piece at a time, and keeps every row's running maximum per document.
private func findMaxima(
  _ queries: Matrix, _ documents: Matrix, _ starts: [Int], _ range: Range<Int>, firstRow: Int, _ best: Matrix,
  _ similarities: UnsafeMutablePointer<Float>, _ winners: WinnerTable?
) {
  best.base.update(repeating: -.infinity, count: queries.rows * range.count)
  var document = range.lowerBound
  let tokens = starts[range.lowerBound]..<starts[range.upperBound]
  for first in stride(from: tokens.lowerBound, to: tokens.upperBound, by: columnsAtOnce) {
    let piece = first..<min(tokens.upperBound, first + columnsAtOnce)
    let tile = Matrix(base: similarities, rows: queries.rows, columns: piece.count)
    rowInvariantProduct(queries, documents.rows(piece), nil, into: tile)
    while starts[document + 1] <= piece.lowerBound { document += 1 }
    var here = document
    while here < range.upperBound, starts[here] < piece.upperBound {
      let part = max(starts[here], piece.lowerBound)..<min(starts[here + 1], piece.upperBound)
      if !part.isEmpty {
        keepMaxima(
          tile, columns: part.lowerBound - first..<part.upperBound - first, best, column: here - range.lowerBound,
          winners, firstRow: firstRow, document: here, firstToken: part.lowerBound - starts[here])
      }
      here += 1
    }
  }
}

private func keepMaxima(
  _ tile: Matrix, columns: Range<Int>, _ best: Matrix, column: Int, _ winners: WinnerTable?, firstRow: Int,
  document: Int, firstToken: Int
) {
  for row in 0..<tile.rows {
    let values = tile.base + row * tile.columns + columns.lowerBound
    let running = best.base + row * best.columns + column
    guard let winners else {
      let value = maximumValue(values, columns.count)
      if value > running.pointee { running.pointee = value }
      continue
    }
    let (value, index) = maximum(values, columns.count)
    if value > running.pointee || firstToken == 0 {
      running.pointee = value
      winners[unchecked: (firstRow + row) * winners.columns + document] = firstToken + index
    }
  }
}

/// `gradient[row] += Σ over documents of upstream · (the winning document token)`, for the rows of one query.
package func maxSimQueryBackward(
  query: Int, upstream: Matrix, queryStarts: [Int], documents: Matrix, documentStarts: [Int], winners: WinnerTable,
  into gradient: Matrix
) {
  let width = documents.columns
  for row in queryStarts[query]..<queryStarts[query + 1] {
    let output = gradient.base + row * width
    for document in 0..<upstream.columns {
      let weight = upstream.base[query * upstream.columns + document]
      let token = documentStarts[document] + winners[unchecked: row * winners.columns + document]
      accumulate(weight, documents.base + token * width, into: output, width)
    }
  }
}

/// `gradient[winning token] += upstream · (query token)`, for the rows of one document: its owner alone writes them.
package func maxSimDocumentBackward(
  document: Int, upstream: Matrix, queries: Matrix, queryStarts: [Int], documentStarts: [Int], winners: WinnerTable,
  into gradient: Matrix
) {
  let width = queries.columns
  for query in 0..<upstream.rows {
    let weight = upstream.base[query * upstream.columns + document]
    for row in queryStarts[query]..<queryStarts[query + 1] {
      let token = documentStarts[document] + winners[unchecked: row * winners.columns + document]
      accumulate(weight, queries.base + row * width, into: gradient.base + token * width, width)
    }
  }
}

@inline(__always)
private func accumulate(
  _ weight: Float, _ input: UnsafePointer<Float>, into output: UnsafeMutablePointer<Float>, _ count: Int
) {
  for i in 0..<count { output[i] = Float.addingProduct(output[i], weight, input[i]) }
}
