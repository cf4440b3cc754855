import LateInteraction
import TestSupport
import Tensors

/// A tiny model's twin in double precision, dropout included: what the formulas say, step by step.
struct NaiveModel {
  /// All tensors' values by name; change them to see what the vectors make of it.
  var values: [String: [Double]]
  private let layout: ParameterLayout
  private let configuration: EncoderConfiguration
  private let head: HeadShape
  private let batch: TokenBatch
  private let masks: NaiveMasks

  init(_ tiny: TinyModel, _ texts: TinyTexts, moment: DropoutMoment?) {
    let parameters = tiny.parameters
    values = Dictionary(
      uniqueKeysWithValues: parameters.layout.tensors.map {
        ($0.name, parameters.value($0.name).values.map(Double.init))
      })
    layout = parameters.layout
    configuration = tiny.model.encoder.configuration
    head = tiny.model.head.shape
    batch = texts.batch
    masks = NaiveMasks(tiny, batch, moment: moment)
  }

  /// The vectors of all texts, `[vectors × dimension]`.
  func vectors() -> [Double] {
    let hidden = (0..<configuration.layerCount).reduce(embedded()) { layer($1, $0) }
    let counted = batch.vectorTokens.flatMap { row(of: hidden, $0) }
    let projected = linear(counted, head.name)
    return stride(from: 0, to: projected.count, by: head.dimension).flatMap {
      naiveNormalized(Array(projected[$0..<$0 + head.dimension]))
    }
  }

  private var width: Int { configuration.width }

  private func embedded() -> [Double] {
    var rows: [Double] = []
    let types = values["embeddings.token_type_embeddings.weight"]!
    for text in 0..<batch.textCount {
      for token in batch.starts[text]..<batch.starts[text + 1] {
        let word = row(of: values["embeddings.word_embeddings.weight"]!, Int(batch.ids[token]))
        // The tiny texts spell no padding, which XLM-R's positions would leave out.
        let place = token - batch.starts[text] + configuration.maximumPositions - configuration.longestText
        let position = row(of: values["embeddings.position_embeddings.weight"]!, place)
        rows += (0..<width).map { word[$0] + position[$0] + types[$0] }
      }
    }
    return times(norm(rows, "embeddings.LayerNorm"), masks.embeddings)
  }

  private func layer(_ index: Int, _ input: [Double]) -> [Double] {
    let name = "encoder.layer.\(index)"
    let context = attention(index, input)
    let attended = norm(
      plus(times(linear(context, "\(name).attention.output.dense"), masks.attention[index]), input),
      "\(name).attention.output.LayerNorm")
    let activated = linear(attended, "\(name).intermediate.dense").map(naiveGelu)
    return norm(
      plus(times(linear(activated, "\(name).output.dense"), masks.feedForward[index]), attended),
      "\(name).output.LayerNorm")
  }

  private func attention(_ layer: Int, _ input: [Double]) -> [Double] {
    let inputs = ["query", "key", "value"].map { linear(input, "encoder.layer.\(layer).attention.self.\($0)") }
    let headWidth = width / configuration.headCount
    var context = [Double](repeating: 0, count: input.count)
    for text in 0..<batch.textCount {
      let rows = batch.starts[text]..<batch.starts[text + 1]
      for head in 0..<configuration.headCount {
        let places = rows.flatMap { row in (0..<headWidth).map { row * width + head * headWidth + $0 } }
        let cut = inputs.map { matrix in places.map { matrix[$0] } }
        let output = naiveAttention(
          queries: cut[0], keys: cut[1], values: cut[2], keyCount: batch.keyCounts[text], headWidth: headWidth,
          mask: masks.probabilities[layer][text][head])
        for (place, value) in zip(places, output) { context[place] = value }
      }
    }
    return context
  }

  private func linear(_ input: [Double], _ name: String) -> [Double] {
    let weight = values["\(name).weight"]!
    let bias = values["\(name).bias"]
    let (columns, depth) = (layout["\(name).weight"]!.shape[0], layout["\(name).weight"]!.shape[1])
    var output: [Double] = []
    output.reserveCapacity(input.count / depth * columns)
    for start in stride(from: 0, to: input.count, by: depth) {
      for column in 0..<columns {
        var sum = bias?[column] ?? 0
        for i in 0..<depth { sum += input[start + i] * weight[column * depth + i] }
        output.append(sum)
      }
    }
    return output
  }

  private func norm(_ rows: [Double], _ name: String) -> [Double] {
    let (gain, bias) = (values["\(name).weight"]!, values["\(name).bias"]!)
    return (0..<rows.count / width).flatMap { index in
      naiveLayerNorm(row(of: rows, index), epsilon: Double(configuration.epsilon)).enumerated()
        .map { $1 * gain[$0] + bias[$0] }
    }
  }

  private func row(of matrix: [Double], _ row: Int) -> [Double] { Array(matrix[row * width..<(row + 1) * width]) }
  private func plus(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map(+) }
  private func times(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map(*) }
}

/// What dropout multiplies a batch by, everywhere in the encoder: taken from the kernels, whose masks have tests of their
/// own, by giving them ones.
private struct NaiveMasks {
  /// `[tokens × width]`.
  let embeddings: [Double]
  /// Of each layer.
  let attention: [[Double]]
  let feedForward: [[Double]]
  /// Of each layer, text and head, `[rows × keys]`.
  let probabilities: [[[[Double]]]]

  init(_ tiny: TinyModel, _ batch: TokenBatch, moment: DropoutMoment?) {
    let configuration = tiny.model.encoder.configuration
    let layout = tiny.parameters.layout
    /// Frozen parts do not drop out.
    func dropout(_ rate: Float, partOf tensor: String) -> Dropout {
      Dropout(
        rate: moment != nil && layout[tensor]!.isTrained ? rate : 0, seed: moment?.seed ?? 0, step: moment?.step ?? 0)
    }
    func hidden(_ layer: Int, _ site: DropoutSite, partOf tensor: String) -> [Double] {
      let ones = [Float](repeating: 1, count: batch.tokenCount * configuration.width)
      let rows = TestMatrix(ones, rows: batch.tokenCount, columns: configuration.width)
      applyDropout(
        dropout(configuration.hiddenDropout, partOf: tensor), to: rows.matrix, of: batch, layer: layer, site: site,
        on: tiny.model.pool)
      return rows.doubles
    }
    func tensor(_ layer: Int) -> String { "encoder.layer.\(layer).output.dense.weight" }
    let layers = 0..<configuration.layerCount
    embeddings = hidden(-1, .embeddings, partOf: "embeddings.word_embeddings.weight")
    attention = layers.map { hidden($0, .attention, partOf: tensor($0)) }
    feedForward = layers.map { hidden($0, .feedForward, partOf: tensor($0)) }
    probabilities = layers.map { layer in
      let dropout = dropout(configuration.attentionDropout, partOf: tensor(layer))
      return Self.probabilities(dropout, batch, configuration.headCount, layer, on: tiny.model.pool)
    }
  }

  /// With queries of zero all keys are equally likely, and with the i-th unit vector as key i's value a row of the output
  /// is its dropped probabilities.
  private static func probabilities(
    _ dropout: Dropout, _ batch: TokenBatch, _ headCount: Int, _ layer: Int, on pool: ThreadPool
  ) -> [[[Double]]] {
    let (headWidth, width) = (batch.longest, batch.longest * headCount)
    let matrices = (0..<4).map { _ in TestMatrix(zeros: batch.tokenCount, width) }
    for text in 0..<batch.textCount {
      for row in batch.starts[text]..<batch.starts[text + 1] {
        for head in 0..<headCount { matrices[2].matrix[row, head * headWidth + row - batch.starts[text]] = 1 }
      }
    }
    let inputs = AttentionInputs(
      queries: matrices[0].matrix, keys: matrices[1].matrix, values: matrices[2].matrix, headCount: headCount)
    Tensors.attention(
      inputs, batch, dropout: dropout, layer: layer, statistics: nil, into: matrices[3].matrix, on: pool)
    let scale = Double(1 / (1 - dropout.rate))
    return (0..<batch.textCount).map { text in
      (0..<headCount).map { head in
        (batch.starts[text]..<batch.starts[text + 1]).flatMap { row in
          (0..<batch.keyCounts[text]).map { matrices[3].matrix[row, head * headWidth + $0] == 0 ? 0 : scale }
        }
      }
    }
  }
}
