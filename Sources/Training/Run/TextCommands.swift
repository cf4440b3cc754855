import LateInteraction
import Logging
import Checkpoints
package import Communication
import Datasets
import Tensors
package import Tokenizers

/// Writes the vectors of a file of texts to a safetensors file, on rank 0. Collective: every rank calls it.
///
/// - Parameter dimension: how many first components of each are kept, divided by their length; nil: all.
package func encodeTexts(
  model path: String, role: TextRole, input: String, output: String, maxLength: Int?, dimension: Int?,
  precision: Configuration.Precision,
  communicator: any Communicator, console: Console
) throws {
  var settings = settings(path, maxLength)
  settings.precision = try communicator.agreedPrecision(precision, console: console)
  let (model, texts) = try communicator.together("loading the model and the texts") {
    let model = try LoadedModel(settings, trains: false, on: ThreadPool.forRank())
    try model.checkDimension(dimension)
    return (model, try TextRecords(path: input))
  }
  try communicator.requireSameFiles(model.folder.files + [input])
  for notice in model.notices { console.logger.info("\(notice)") }
  let collected = try CollectedVectors(
    texts.count, TextVectorizer(model: model, role: role, narrowedTo: dimension),
    communicator: communicator,
    text: { try texts.texts($0..<$0 + 1)[0] }, location: texts.location)
  let vectors = collected.vectors
  let ids = collected.ids.map(Int64.init)
  try communicator.onRoot("writing the vectors") { () -> Void in
    try writeSafetensors(
      output,
      tensors: [
        TensorToWrite("vectors", shape: [vectors.rows.rows, vectors.rows.columns], .floats(vectors.rows)),
        TensorToWrite("starts", shape: [vectors.starts.count], .integers(vectors.starts.map(Int64.init))),
        TensorToWrite("ids", shape: [ids.count], .integers(ids)),
      ])
  }
}

/// Calls `emit` on rank 0 with the ids of each text of a file, in order. Collective: every rank calls it.
package func tokenizeTexts(
  model path: String, role: TextRole, input: String, maxLength: Int?, communicator: any Communicator,
  emit: ([Int]) throws -> Void
) throws {
  try communicator.onRoot("tokenizing") { () -> Void in
    let (tokenizer, _) = try loadModelTokenizer(settings(path, maxLength))
    let texts = try TextRecords(path: input)
    for number in 0..<texts.count {
      try emit(tokenizer.tokenize(try texts.texts(number..<number + 1)[0], as: role).ids.map(Int.init))
    }
  }
}

private func settings(_ path: String, _ maxLength: Int?) -> ModelSettings {
  ModelSettings(path: path, queryMaxLength: maxLength, documentMaxLength: maxLength)
}
