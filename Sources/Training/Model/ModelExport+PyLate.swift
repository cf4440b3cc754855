import Checkpoints
import Foundation
import LateInteraction
import Tokenizers

extension ModelExport {
  /// The projection in `1_Dense`, and the files that say how texts are marked.
  func writePyLate(to directory: String) throws {
    try writeDense(to: directory, config: PyLateFiles.dense(loaded.model.head.shape))
    try replaceFile("\(directory)/modules.json", with: PyLateFiles.modules)
    try replaceFile("\(directory)/config_sentence_transformers.json", with: pyLateConventions())
    try replaceFile(
      "\(directory)/sentence_bert_config.json", with: PyLateFiles.transformer(loaded.input.conventions))
  }

  /// How inputs are marked, expanded and cut; other keys of the source's own file stay.
  private func pyLateConventions() throws -> String {
    let conventions = loaded.input.conventions
    let skipped = conventions.dropsFirstToken ? [loaded.input.tokenizer.classification] : conventions.skipList
    var settings =
      (loaded.folder.layout == .pyLate ? stated("config_sentence_transformers.json") : nil) ?? [
        "model_type": "ColBERT",
        "prompts": ["query": conventions.queryPrompt, "document": conventions.documentPrompt],
        "default_prompt_name": NSNull(),
        "similarity_fn_name": "MaxSim",
        "query_prefix": text(of: conventions.queryMarker),
        "document_prefix": text(of: conventions.documentMarker),
        "attend_to_expansion_tokens": conventions.attendsToExpansion,
        "skiplist_words": words(of: skipped),
        "do_query_expansion": conventions.expandsQueries,
      ]
    settings["query_length"] = conventions.queryMaxLength
    settings["document_length"] = conventions.documentMaxLength
    return try jsonFile(settings)
  }
}
