import Foundation
import LateInteraction
import Tokenizers

/// Stanford's layout (colbert-ai 0.2.22, `infra/config/settings.py`), as colbert-ir/colbertv2.0 has it.
extension ModelExport {
  /// `artifact.metadata`; other keys of the source's own stay.
  func stanfordMetadata() throws -> String {
    let conventions = loaded.input.conventions
    var metadata =
      (loaded.folder.layout == .stanford ? stated("artifact.metadata") : nil) ?? [
        "query_token": "[Q]", "doc_token": "[D]", "similarity": "cosine",
      ]
    metadata["query_token_id"] = stanfordMarker(conventions.queryMarker, "[unused0]")
    metadata["doc_token_id"] = stanfordMarker(conventions.documentMarker, "[unused1]")
    metadata["query_maxlen"] = conventions.queryMaxLength
    metadata["doc_maxlen"] = conventions.documentMaxLength
    metadata["dim"] = loaded.model.head.shape.dimension
    metadata["mask_punctuation"] = !conventions.skipList.isEmpty
    metadata["attend_to_mask_tokens"] = conventions.attendsToExpansion
    return try jsonFile(metadata)
  }

  /// The tokenizer files with a token for padding that is not the mask, as PyLate leaves it there: Stanford's code
  /// multiplies the vectors of padding by 0, and would take a query's expansion for such.
  var paddingEdits: [String: (inout JSONText) throws -> Void] {
    let tokenizer = loaded.input.tokenizer
    guard tokenizer.padding == tokenizer.mask, let padding = tokenizer.token(of: loaded.folder.encoder.paddingID) else {
      return [:]
    }
    return [
      "tokenizer_config.json": { try $0.set("pad_token", to: padding) },
      "special_tokens_map.json": { if $0.text(of: "pad_token") != nil { try $0.set("pad_token", to: padding) } },
    ]
  }

  /// The marker that Stanford's code inserts; in a model without one (`--allow-inexact`) its default, or where the
  /// vocabulary lacks that the first token once more.
  private func stanfordMarker(_ marker: Int32?, _ standard: String) -> String {
    let tokenizer = loaded.input.tokenizer
    return text(of: marker ?? tokenizer.id(of: standard) ?? tokenizer.classification)
  }
}
