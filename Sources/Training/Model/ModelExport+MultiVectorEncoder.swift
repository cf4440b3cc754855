import Checkpoints
import Foundation
import LateInteraction
import Tokenizers

/// Sentence Transformers' `MultiVectorEncoder`, as its version 6.2 saves one.
extension ModelExport {
  func writeMultiVectorEncoder(to directory: String) throws {
    let (conventions, shape) = (loaded.input.conventions, loaded.model.head.shape)
    try writeDense(to: directory, config: jsonFile(MultiVectorEncoderFiles.dense(shape)))
    for (module, config) in [
      ("2_MultiVectorMask", try MultiVectorEncoderFiles.mask(words: skipWords, tasks: skipTasks)),
      ("3_Normalize", try MultiVectorEncoderFiles.normalize()),
    ] {
      try makeFolder("\(directory)/\(module)")
      try replaceFile("\(directory)/\(module)/config.json", with: config)
    }
    try replaceFile("\(directory)/modules.json", with: MultiVectorEncoderFiles.modules())
    try replaceFile(
      "\(directory)/sentence_bert_config.json", with: MultiVectorEncoderFiles.transformer(conventions))
    try replaceFile(
      "\(directory)/config_sentence_transformers.json",
      with: MultiVectorEncoderFiles.settings(
        prompts: [TextRole.query: prompt(.query), .document: prompt(.document)], reduction: loaded.model.reduction))
  }

  /// What is put before a text: a marker is written out, and the tokenizer knows it as one token (`markerEdits`).
  private func prompt(_ role: TextRole) -> String {
    let conventions = loaded.input.conventions
    guard let marker = conventions.marker(of: role) else { return conventions.prompt(of: role) }
    let token = text(of: marker)
    return token.last?.isWhitespace == true ? token : token + " "
  }

  /// BGE-M3's first token, which gives no vector, is a word to be skipped.
  private var skipWords: [String] {
    let conventions = loaded.input.conventions
    if conventions.dropsFirstToken { return [text(of: loaded.input.tokenizer.classification)] }
    return words(of: conventions.skipList.union(conventions.querySkipList))
  }

  private var skipTasks: [String] {
    let conventions = loaded.input.conventions
    let skipsQueries = conventions.dropsFirstToken || !conventions.querySkipList.isEmpty
    let skipsDocuments = conventions.dropsFirstToken || !conventions.skipList.isEmpty || !skipsQueries
    return (skipsQueries ? ["query"] : []) + (skipsDocuments ? ["document"] : [])
  }
}

/// The tokenizer files of a `MultiVectorEncoder`, which reads markers as text: its tokenizer must cut them out whole.
extension ModelExport {
  /// The file that has to be made if it is not there: `vocab.txt` alone cannot say which tokens are special.
  var neededForMarkers: String? {
    let hasTokenizer = FileManager.default.fileExists(atPath: "\(loaded.folder.encoderPath)/tokenizer.json")
    return layout == .sentenceTransformers && !markers.isEmpty && !hasTokenizer ? "tokenizer_config.json" : nil
  }

  var markerEdits: [String: (inout JSONText) throws -> Void] {
    guard !markers.isEmpty else { return [:] }
    return [
      "tokenizer.json": { try $0.setSpecialTokens(markers) },
      "tokenizer_config.json": { try $0.nameSpecialTokens(markers, addsKey: true) },
      "special_tokens_map.json": { try $0.nameSpecialTokens(markers, addsKey: false) },
    ]
  }

  private var markers: [Int32: String] {
    let conventions = loaded.input.conventions
    return [conventions.queryMarker, conventions.documentMarker].compactMap { $0 }
      .reduce(into: [:]) { $0[$1] = text(of: $1) }
  }
}

extension JSONText {
  /// Lists tokens in the `added_tokens` of a `tokenizer.json` as special ones, found in the text before it is normalised.
  fileprivate mutating func setSpecialTokens(_ tokens: [Int32: String]) throws {
    var list = value(of: "added_tokens") as? [[String: Any]] ?? []
    for (id, token) in tokens {
      let place = list.firstIndex { $0["id"] as? Int == Int(id) }
      var entry = place.map { list.remove(at: $0) } ?? Self.addedToken(token)
      entry["id"] = Int(id)
      entry.merge(["special": true, "normalized": false]) { $1 }
      list.append(entry)
    }
    list.sort { ($0["id"] as? Int ?? 0) < ($1["id"] as? Int ?? 0) }
    try set("added_tokens", to: list)
  }

  /// Lists tokens where `transformers` looks for special ones: `tokenizer_config.json`, and the older map of them.
  fileprivate mutating func nameSpecialTokens(_ tokens: [Int32: String], addsKey: Bool) throws {
    if var decoder = value(of: "added_tokens_decoder") as? [String: [String: Any]] {
      for (id, token) in tokens {
        let entry = decoder["\(id)"] ?? Self.addedToken(token)
        decoder["\(id)"] = entry.merging(["special": true, "normalized": false]) { $1 }
      }
      try set("added_tokens_decoder", to: decoder)
    }
    // Version 5's name for it; version 4 reads the older one, and 5 that too.
    let isNewer = value(of: "extra_special_tokens") is [Any]
    let key = isNewer ? "extra_special_tokens" : "additional_special_tokens"
    guard addsKey || text(of: key) != nil else { return }
    var names = value(of: key) as? [Any] ?? []
    for (_, token) in tokens.sorted(by: { $0.key < $1.key }) {
      let isNamed = names.contains { $0 as? String == token || ($0 as? [String: Any])?["content"] as? String == token }
      if !isNamed { names.append(token) }
    }
    try set(key, to: names)
  }

  private static func addedToken(_ content: String) -> [String: Any] {
    ["content": content, "single_word": false, "lstrip": false, "rstrip": false]
  }
}

/// The small JSON files of a `MultiVectorEncoder`.
private enum MultiVectorEncoderFiles {
  static func modules() throws -> String {
    let modules = [
      ("", "base.modules.transformer.Transformer"), ("1_Dense", "base.modules.dense.Dense"),
      ("2_MultiVectorMask", "multi_vector_encoder.modules.multi_vector_mask.MultiVectorMask"),
      ("3_Normalize", "base.modules.normalize.Normalize"),
    ]
    return try jsonFile(
      modules.enumerated().map { index, module in
        ["idx": index, "name": "\(index)", "path": module.0, "type": "sentence_transformers.\(module.1)"]
          as [String: Any]
      })
  }

  static func dense(_ shape: HeadShape) -> [String: Any] {
    [
      "in_features": shape.width, "out_features": shape.dimension, "bias": shape.hasBias,
      "activation_function": "torch.nn.modules.linear.Identity", "module_input_name": "token_embeddings",
      "module_output_name": "token_embeddings",
    ]
  }

  static func mask(words: [String], tasks: [String]) throws -> String {
    try jsonFile(["skiplist_words": words, "skiplist_tasks": tasks, "keep_only_token_ids": NSNull()] as [String: Any])
  }

  static func normalize() throws -> String {
    try jsonFile(["module_input_name": "token_embeddings", "module_output_name": "token_embeddings"])
  }

  /// With an expansion its length is that of queries.
  static func transformer(_ conventions: InputConventions) throws -> String {
    var settings: [String: Any] = [
      "transformer_task": "feature-extraction",
      "modality_config": ["text": ["method": "forward", "method_output_name": "last_hidden_state"]],
      "module_output_name": "token_embeddings",
      "document_length": conventions.documentMaxLength,
    ]
    if conventions.expandsQueries {
      settings["query_expansion"] = [
        "strategy": "fixed", "attend": conventions.attendsToExpansion, "token": NSNull(),
        "length": conventions.queryMaxLength,
      ]
    } else {
      settings["query_length"] = conventions.queryMaxLength
    }
    return try jsonFile(settings)
  }

  static func settings(prompts: [TextRole: String], reduction: ScoreReduction) throws -> String {
    try jsonFile(
      [
        "model_type": "MultiVectorEncoder", "__version__": ["sentence_transformers": "6.0.0"],
        "prompts": ["query": prompts[.query]!, "document": prompts[.document]!], "default_prompt_name": NSNull(),
        "similarity_fn_name": reduction == .mean ? "meanmaxsim" : "maxsim",
      ] as [String: Any])
  }
}
