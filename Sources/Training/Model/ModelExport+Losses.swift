import LateInteraction
import Tensors
import Tokenizers

extension LoadedModel {
  /// What a layout cannot say of this ColBERT model: whoever reads it there gets other vectors or scores. Empty if the
  /// layout says all.
  func losses(in layout: ModelLayout) -> [String] {
    switch layout {
    case .flagEmbedding: lossesInFlagEmbedding
    case .sentenceTransformers: []
    // PyLate skips words in documents alone.
    case .pyLate: sumLosses + firstTokenLosses(of: "queries") + querySkipLosses + promptLosses
    case .stanford: lossesInStanford
    }
  }

  /// What people should know of a model in a layout, beside its losses.
  func exportNotices(in layout: ModelLayout) -> [String] {
    var notices: [String] = []
    let dimension = model.head.shape.dimension
    if layout == .flagEmbedding {
      if folder.sparseHead == nil {
        notices.append("the model has no sparse head: sparse_linear.pt is all zeros and weighs no token")
      }
      if dimension != folder.encoder.width {
        notices.append("FlagEmbedding needs to be told the dimension: BGEM3FlagModel(path, colbert_dim=\(dimension))")
      }
    } else if folder.sparseHead != nil {
      notices.append("the sparse head is left out: \(layout.rawValue) holds ColBERT models alone")
    }
    if layout == .sentenceTransformers, input.conventions.dropsFirstToken {
      notices.append(
        "a \(token(input.tokenizer.classification)) written in a text gives no vector there either, only the first here"
      )
    }
    if layout == .sentenceTransformers {
      // There markers are text before the text, so the tokenizer must know them; it then finds them anywhere.
      for marker in [input.conventions.queryMarker, input.conventions.documentMarker].compactMap({ $0 })
      where input.tokenizer.ids(of: token(marker)) != [marker] {
        notices.append("the marker \(token(marker)) written in a text is one token there, pieces of it here")
      }
    }
    if layout == .stanford, input.conventions.skipList.isEmpty {
      notices.append("mask_punctuation is false, with which colbert-ai 0.2.22 encodes no documents; others read it")
    }
    return notices
  }

  private var lossesInFlagEmbedding: [String] {
    let conventions = input.conventions
    var losses: [String] = []
    if model.reduction == .sum { losses.append("scores are means over the query's vectors there, sums here") }
    if !dropsFirstOnly {
      losses.append("the vector of the first token, \(token(input.tokenizer.classification)), does not count there")
      for (role, ids) in [("queries", conventions.querySkipList), ("documents", conventions.skipList)]
      where !ids.isEmpty {
        losses.append("the vectors of the \(ids.count) skipped tokens of \(role) count there")
      }
    }
    for (role, marker) in [("queries", conventions.queryMarker), ("documents", conventions.documentMarker)] {
      if let marker { losses.append("the marker \(token(marker)) of \(role)") }
    }
    if conventions.expandsQueries { losses.append("the expansion of queries with \(token(input.tokenizer.mask!))") }
    if folder.style == .colbert && folder.sparseHead == nil {
      losses.append("the sparse head, which the model has not and FlagEmbedding wants")
    }
    return losses + promptLosses
  }

  private var lossesInStanford: [String] {
    let (conventions, shape) = (input.conventions, model.head.shape)
    var losses: [String] = []
    if shape.hasBias, model.parameters.value("\(shape.name).bias").values.contains(where: { $0 != 0 }) {
      losses.append("the projection's bias")
    }
    losses += sumLosses + firstTokenLosses(of: "queries and documents")
    for (role, marker) in [("queries", conventions.queryMarker), ("documents", conventions.documentMarker)]
    where marker == nil {
      losses.append("\(role) have no marker here, and get one there")
    }
    if !conventions.expandsQueries { losses.append("queries are filled with the mask token there, not here") }
    if !conventions.dropsFirstToken, !conventions.skipList.isEmpty, conventions.skipList != punctuation {
      losses.append("a list of skipped tokens other than punctuation (\(conventions.skipList.count) tokens)")
    }
    return losses + querySkipLosses + promptLosses
  }

  private var sumLosses: [String] {
    model.reduction == .mean ? ["scores are sums over the query's vectors there, means here"] : []
  }

  private func firstTokenLosses(of texts: String) -> [String] {
    let first = token(input.tokenizer.classification)
    return input.conventions.dropsFirstToken
      ? ["the vector of the first token, \(first), of \(texts) counts there"] : []
  }

  private var querySkipLosses: [String] {
    let count = input.conventions.querySkipList.count
    return count == 0
      ? [] : ["the vectors of the \(count) skipped token\(count == 1 ? "" : "s") of queries count there"]
  }

  private var promptLosses: [String] {
    TextRole.allCases.filter { !input.conventions.prompt(of: $0).isEmpty }
      .map { "the prompt \"\(input.conventions.prompt(of: $0))\" of a \($0.rawValue)" }
  }

  /// As BGE-M3: the first token has no vector, every other has one.
  private var dropsFirstOnly: Bool {
    let (conventions, first) = (input.conventions, Set([input.tokenizer.classification]))
    if conventions.dropsFirstToken { return conventions.skipList.isEmpty && conventions.querySkipList.isEmpty }
    return conventions.skipList == first && conventions.querySkipList == first
  }

  private var punctuation: Set<Int32> {
    Set(InputConventions.punctuation.compactMap { input.tokenizer.id(of: $0) }.filter { $0 != input.tokenizer.unknown })
  }

  private func token(_ id: Int32) -> String { input.tokenizer.token(of: id) ?? "\(id)" }
}
