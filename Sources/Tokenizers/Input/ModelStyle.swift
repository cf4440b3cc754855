/// The two kinds of ColBERT model: how texts are marked, which tokens give vectors, how a query's maxima add up.
package enum ModelStyle: String, Sendable, CaseIterable {
  /// BGE-M3's: texts as they are, no vector for the first token, the mean of the maxima, a projection with bias.
  case bgeM3 = "bge-m3"
  /// Stanford's and PyLate's: markers, query expansion, a skip list for documents, the sum of the maxima.
  case colbert
}
