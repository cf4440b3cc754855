import Foundation
import LateInteraction
import Tokenizers

/// The small JSON files of PyLate's layout (PyLate 1.6, `models/colbert.py`, `models/Dense.py`).
enum PyLateFiles {
  /// The encoder at the root, then the projection.
  static let modules = """
    [
      {
        "idx": 0,
        "name": "0",
        "path": "",
        "type": "sentence_transformers.models.Transformer"
      },
      {
        "idx": 1,
        "name": "1",
        "path": "1_Dense",
        "type": "pylate.models.Dense.Dense"
      }
    ]

    """

  static func dense(_ shape: HeadShape) -> String {
    """
    {
        "in_features": \(shape.width),
        "out_features": \(shape.dimension),
        "bias": \(shape.hasBias),
        "activation_function": "torch.nn.modules.linear.Identity",
        "use_residual": false
    }

    """
  }

  /// PyLate reserves one token of the longest document for its marker.
  static func transformer(_ conventions: InputConventions) -> String {
    """
    {
        "max_seq_length": \(conventions.documentMaxLength - 1),
        "do_lower_case": false
    }

    """
  }

  /// How inputs are marked, expanded and cut; other keys of `stated`, the source's own file, stay.
  static func conventions(_ input: InputTokenizer, keeping stated: Data?) throws -> String {
    let conventions = input.conventions
    func token(_ id: Int32?) -> String { id.flatMap { input.tokenizer.token(of: $0) } ?? "" }
    var settings =
      stated.flatMap { try? JSONSerialization.jsonObject(with: $0) as? [String: Any] } ?? [
        "model_type": "ColBERT",
        "prompts": ["query": "", "document": ""],
        "default_prompt_name": NSNull(),
        "similarity_fn_name": "MaxSim",
        "query_prefix": token(conventions.queryMarker),
        "document_prefix": token(conventions.documentMarker),
        "attend_to_expansion_tokens": conventions.attendsToExpansion,
        "skiplist_words": conventions.skipList.sorted().map { token($0) },
        "do_query_expansion": conventions.expandsQueries,
      ]
    return try lengths(conventions, in: &settings)
  }

  /// The lengths alone, beside what `stated`, the source's own file, has.
  static func lengths(_ conventions: InputConventions, keeping stated: Data?) throws -> String {
    var settings = stated.flatMap { try? JSONSerialization.jsonObject(with: $0) as? [String: Any] } ?? [:]
    return try lengths(conventions, in: &settings)
  }

  private static func lengths(_ conventions: InputConventions, in settings: inout [String: Any]) throws -> String {
    settings["query_length"] = conventions.queryMaxLength
    settings["document_length"] = conventions.documentMaxLength
    let data = try JSONSerialization.data(
      withJSONObject: settings, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
    return String(decoding: data, as: UTF8.self) + "\n"
  }
}
