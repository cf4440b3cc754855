import Tensors

/// One transformer layer of BERT: attention and a feed-forward network, each with a residual and a norm after it.
///
/// - Source: Devlin et al., "BERT", 2019; the arrangement of `transformers/models/bert/modeling_bert.py`.
struct EncoderLayer {
  let index: Int
  let headCount: Int
  let isTrained: Bool
  let query: Linear
  let key: Linear
  let value: Linear
  let attentionOutput: Linear
  let attentionNorm: Norm
  let intermediate: Linear
  let output: Linear
  let outputNorm: Norm

  init(_ index: Int, _ parameters: Parameters, _ configuration: EncoderConfiguration) {
    let name = "encoder.layer.\(index)"
    self.index = index
    headCount = configuration.headCount
    isTrained = parameters.layout["\(name).output.dense.weight"]!.isTrained
    query = Linear(parameters, "\(name).attention.self.query")
    // A constant added to all keys shifts a row's similarities alike, which changes no softmax.
    key = Linear(parameters, "\(name).attention.self.key", biasMatters: false)
    value = Linear(parameters, "\(name).attention.self.value")
    attentionOutput = Linear(parameters, "\(name).attention.output.dense")
    attentionNorm = Norm(parameters, "\(name).attention.output.LayerNorm", epsilon: configuration.epsilon)
    intermediate = Linear(parameters, "\(name).intermediate.dense")
    output = Linear(parameters, "\(name).output.dense")
    outputNorm = Norm(parameters, "\(name).output.LayerNorm", epsilon: configuration.epsilon)
  }

  /// Computes `activations.output` from `input`, both `[tokens × width]`; they may be the same memory.
  func forward(
    _ input: Matrix, _ batch: TokenBatch, _ dropouts: LayerDropouts, into activations: LayerActivations,
    _ products: LinearProducts
  ) {
    let (a, pool) = (activations, products.pool)
    let operand = products.input(input)
    query.forward(operand, into: a.queries, products)
    key.forward(operand, into: a.keys, products)
    value.forward(operand, into: a.values, products)
    pool.clock.measure(.attention) {
      attention(
        a.inputs(headCount), batch, dropout: dropouts.attention, layer: index, statistics: a.statistics,
        into: a.context, on: pool)
    }
    attentionOutput.forward(products.input(a.context), into: a.attentionNormalised, products)
    attentionNorm.forward(
      a.attentionNormalised, dropping: hiddenDropout(dropouts, batch, .attention), adding: input,
      deviations: a.attentionDeviations, into: a.attended, on: pool)

    intermediate.forward(products.input(a.attended), into: a.intermediate, products)
    gelu(a.intermediate, into: a.activated, on: pool)
    output.forward(products.input(a.activated), into: a.outputNormalised, products)
    outputNorm.forward(
      a.outputNormalised, dropping: hiddenDropout(dropouts, batch, .feedForward), adding: a.attended,
      deviations: a.outputDeviations, into: a.output, on: pool)
  }

  /// Turns `upstream`, ∂loss/∂output, into ∂loss/∂input in place (if wanted) and adds to the parameters' gradients.
  func backward(
    _ upstream: Matrix, input: Matrix, _ batch: TokenBatch, _ dropouts: LayerDropouts, _ activations: LayerActivations,
    scratch: LayerScratch, wantsInput: Bool, _ products: LinearProducts
  ) {
    let (a, pool) = (activations, products.pool)
    // Feed-forward: `upstream` is its own residual branch; `branch` goes through the network.
    outputNorm.backward(
      upstream, normalised: a.outputNormalised, deviations: a.outputDeviations,
      dropping: hiddenDropout(dropouts, batch, .feedForward), branch: scratch.branch, through: output, on: pool)
    output.backward(
      scratch.branch, input: products.input(a.activated), into: scratch.intermediate, sumsBias: false, products)
    geluBackward(scratch.intermediate, input: a.intermediate, on: pool)
    intermediate.backward(
      scratch.intermediate, input: products.input(a.attended), into: upstream, accumulating: true, products)

    attentionNorm.backward(
      upstream, normalised: a.attentionNormalised, deviations: a.attentionDeviations,
      dropping: hiddenDropout(dropouts, batch, .attention), branch: scratch.branch, through: attentionOutput, on: pool)
    attentionOutput.backward(
      scratch.branch, input: products.input(a.context), into: scratch.context, sumsBias: false, products)
    pool.clock.measure(.attention) {
      attentionBackward(
        scratch.context, a.inputs(headCount), batch, dropout: dropouts.attention, layer: index,
        output: a.context, statistics: a.statistics!,
        into: AttentionInputs(
          queries: scratch.queries, keys: scratch.keys, values: scratch.values, headCount: headCount), on: pool)
    }
    let gradient = wantsInput ? upstream : nil
    let operand = products.input(input)
    query.backward(scratch.queries, input: operand, into: gradient, accumulating: true, products)
    key.backward(scratch.keys, input: operand, into: gradient, accumulating: true, products)
    value.backward(scratch.values, input: operand, into: gradient, accumulating: true, products)
  }

  private func hiddenDropout(_ dropouts: LayerDropouts, _ batch: TokenBatch, _ site: DropoutSite) -> HiddenDropout {
    HiddenDropout(dropouts.hidden, batch, layer: index, site: site)
  }
}

/// The dropouts of one layer at one step; rate 0 in evaluation and in frozen layers.
struct LayerDropouts {
  let hidden: Dropout
  let attention: Dropout
}

/// What a layer's forward leaves for its backward, `[tokens × width]` unless said.
struct LayerActivations {
  let queries: Matrix
  let keys: Matrix
  let values: Matrix
  /// `[tokens × 2 · heads]`, of attention's softmax; nil when no backward follows.
  let statistics: Matrix?
  let context: Matrix
  let attentionNormalised: Matrix
  /// `[tokens × 1]`.
  let attentionDeviations: Matrix
  let attended: Matrix
  /// `[tokens × intermediate width]`, before GELU.
  let intermediate: Matrix
  let activated: Matrix
  let outputNormalised: Matrix
  let outputDeviations: Matrix
  var output: Matrix

  init(_ batch: TokenBatch, _ configuration: EncoderConfiguration, forBackward: Bool, in arena: Arena) {
    let tokens = batch.tokenCount
    func rows() -> Matrix { arena.matrix(rows: tokens, columns: configuration.width) }
    queries = rows()
    keys = rows()
    values = rows()
    statistics = forBackward ? arena.matrix(rows: tokens, columns: 2 * configuration.headCount) : nil
    context = rows()
    attentionNormalised = rows()
    attentionDeviations = arena.matrix(rows: tokens, columns: 1)
    attended = rows()
    intermediate = arena.matrix(rows: tokens, columns: configuration.intermediateWidth)
    activated = arena.matrix(rows: tokens, columns: configuration.intermediateWidth)
    outputNormalised = rows()
    outputDeviations = arena.matrix(rows: tokens, columns: 1)
    output = rows()
  }

  func inputs(_ headCount: Int) -> AttentionInputs {
    AttentionInputs(queries: queries, keys: keys, values: values, headCount: headCount)
  }
}

/// Room for a layer's backward, shared by all layers.
struct LayerScratch {
  let branch: Matrix
  let context: Matrix
  let queries: Matrix
  let keys: Matrix
  let values: Matrix
  let intermediate: Matrix

  init(_ batch: TokenBatch, _ configuration: EncoderConfiguration, in arena: Arena) {
    func rows() -> Matrix { arena.matrix(rows: batch.tokenCount, columns: configuration.width) }
    branch = rows()
    context = rows()
    queries = rows()
    keys = rows()
    values = rows()
    intermediate = arena.matrix(rows: batch.tokenCount, columns: configuration.intermediateWidth)
  }
}
