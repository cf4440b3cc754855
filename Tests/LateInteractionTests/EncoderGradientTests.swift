import LateInteraction
import TestSupport
import Tensors
import Testing

@Suite struct EncoderGradientTests {
  /// Every tensor's gradient against the slope of the loss along it: (L(θ + εv) − L(θ − εv)) / 2ε = ⟨g, v⟩.
  ///
  /// `v` is the gradient's direction plus a random one of the same length, so that neither a wrong length nor a wrong
  /// direction passes. Beside 5e-4 of the slope, 1e-4 for the rounding of the vectors: about 2e-7 of the loss, over ε.
  /// With dropout the moment repeats the mask. The winners of MaxSim stay: else the slope jumps.
  @Test(
    arguments: [TrainedPart.all, .top(1), .head], [nil, DropoutMoment(seed: 5, step: 9)] as [DropoutMoment?])
  func isTheSlopeOfTheLoss(part: TrainedPart, moment: DropoutMoment?) {
    let tiny = TinyModel(training: part, dropout: 0.1, threads: 2)
    let texts = TinyTexts()
    let winners = tiny.backward(texts, moment: moment)
    var numbers = TestNumbers(seed: 77)
    for tensor in tiny.parameters.layout.trained {
      let gradient = tiny.gradient(tensor.name)!.map(Double.init)
      let direction = plus(unit(gradient), unit(numbers.floats(tensor.count).map(Double.init)))
      let slope = slope(of: tiny, tensor.name, along: direction) {
        tiny.loss(texts, moment: moment, winners: winners)
      }
      let expected = zip(gradient, direction).map(*).reduce(0, +)
      #expect(abs(slope - expected) < 5e-4 * abs(expected) + 1e-4, "\(tensor.name): \(slope) against \(expected)")
    }
  }

  @Test func withoutABiasAndWithTheMeanToo() {
    let tiny = TinyModel(reduction: .mean, headBias: false)
    let texts = TinyTexts()
    let winners = tiny.backward(texts)
    #expect(tiny.parameters.layout["colbert_linear.bias"] == nil)
    for name in ["colbert_linear.weight", "embeddings.word_embeddings.weight"] {
      let gradient = tiny.gradient(name)!.map(Double.init)
      let slope = slope(of: tiny, name, along: unit(gradient)) {
        tiny.loss(texts, moment: nil, winners: winners)
      }
      let length = gradient.map { $0 * $0 }.reduce(0, +).squareRoot()
      #expect(abs(slope - length) < 5e-4 * length + 1e-4)
    }
  }

  /// A key's bias shifts all logits of a row alike: its true gradient is zero.
  @Test func theKeysBiasHasNoGradient() {
    let tiny = TinyModel()
    tiny.backward(TinyTexts())
    for layer in 0..<2 {
      let name = "encoder.layer.\(layer).attention.self."
      let largest = tiny.gradient(name + "query.bias")!.map(abs).max()!
      #expect(tiny.gradient(name + "key.bias")!.map(abs).max()! < 1e-5 * max(largest, 1e-2))
    }
  }

  @Test(arguments: [TrainedPart.head, .top(1), .top(2), .top(7)])
  func whatIsTrainedHasTheGradientsOfAll(part: TrainedPart) {
    let (all, some) = (TinyModel(), TinyModel(training: part))
    all.backward(TinyTexts())
    some.backward(TinyTexts())
    var trained = 0
    for tensor in some.parameters.layout.tensors {
      let gradient = some.gradient(tensor.name)
      let isTrained =
        switch (part, tensor.part) {
        case (_, .head): true
        case (.top(let count), .layer(let layer)): layer >= 2 - count
        default: false
        }
      #expect((gradient != nil) == isTrained, "\(tensor.name)")
      guard let gradient else { continue }
      trained += gradient.count
      #expect(bits(gradient) == bits(all.gradient(tensor.name)!), "\(tensor.name)")
    }
    #expect(some.parameters.gradients.count == trained)
  }

  @Test func gradientsAddUp() {
    let tiny = TinyModel()
    tiny.backward(TinyTexts())
    let once = tiny.gradients
    tiny.backward(TinyTexts())
    #expect(relativeError(tiny.gradients, once.map { 2 * $0 }) < 1e-6)
  }

  /// The backward half of the law of cuts: chunks, encoded twice, add up to the gradient of one pass.
  @Test(arguments: [1, 2, 4, 6], EncoderBitsTests.moments)
  func chunksAddUpToTheWhole(size: Int, moment: DropoutMoment?) {
    let (whole, chunked) = (TinyModel(dropout: 0.2), TinyModel(dropout: 0.2, threads: 2))
    whole.backward(TinyTexts(), moment: moment)
    chunked.backward(TinyTexts(), moment: moment, chunk: size)
    let error = relativeError(chunked.gradients, whole.gradients)
    #expect(error < 2e-6)
  }

  /// Rows of query expansion (id 29, nowhere else) learn though they are no keys; ids that do not occur do not.
  @Test func expansionRowsGetGradients() {
    let tiny = TinyModel()
    tiny.backward(TinyTexts())
    func table(_ name: String) -> (Int) -> [Float] {
      let values = tiny.gradient("embeddings.\(name).weight")!
      return { Array(values[$0 * TinyModel.width..<($0 + 1) * TinyModel.width]) }
    }
    let words = table("word_embeddings")
    func largest(_ id: Int) -> Float { words(id).map(abs).max()! }
    #expect(largest(29) > 1e-3)
    for id in [0, 1, 4, 6, 10, 27, 28] { #expect(largest(id) == 0) }
    // Positions start at 2: the two rows before and those after the longest text are untouched.
    let positions = table("position_embeddings")
    let used = (0..<24).filter { positions($0).contains { $0 != 0 } }
    #expect(used == Array(2..<22))
    #expect(table("token_type_embeddings")(1) == [Float](repeating: 0, count: TinyModel.width))
  }

  /// Fourth order in ε, which is therefore large enough for vectors computed in float.
  private func slope(
    of tiny: TinyModel, _ name: String, along direction: [Double], _ loss: () -> Double
  ) -> Double {
    let value = tiny.parameters.value(name)
    let start = value.values
    func at(_ distance: Double) -> Double {
      value.assign(zip(start, direction).map { Float(Double($0) + distance * $1) })
      return loss()
    }
    let epsilon = 8e-3
    let slope = (8 * (at(epsilon) - at(-epsilon)) - (at(2 * epsilon) - at(-2 * epsilon))) / (12 * epsilon)
    value.assign(start)
    return slope
  }

  private func unit(_ v: [Double]) -> [Double] {
    let length = v.map { $0 * $0 }.reduce(0, +).squareRoot()
    return v.map { $0 / max(length, 1e-30) }
  }

  private func plus(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map(+) }
}
