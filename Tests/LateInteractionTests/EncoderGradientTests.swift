import LateInteraction
import TestSupport
import Tensors
import Testing

@Suite struct EncoderGradientTests {
  /// Every tensor's gradient against the slope of the double twin's loss along it: (L(θ + εv) − L(θ − εv)) / 2ε = ⟨g, v⟩.
  ///
  /// `v` is the gradient's direction plus a random one of the same length, so that neither a wrong length nor a wrong
  /// direction passes. With dropout the moment repeats the mask. The winners of MaxSim stay: else the slope jumps.
  @Test(
    arguments: [TrainedPart.all, .top(1), .head], [nil, DropoutMoment(seed: 5, step: 9)] as [DropoutMoment?])
  func isTheSlopeOfTheLoss(part: TrainedPart, moment: DropoutMoment?) throws {
    try check(moment) { TinyModel(training: part, dropout: 0.1, threads: 2, perturbation: $0) }
  }

  @Test func withoutABiasAndWithTheMeanToo() throws {
    let tiny = try check(nil) { TinyModel(reduction: .mean, headBias: false, perturbation: $0) }
    #expect(tiny.parameters.layout["colbert_linear.bias"] == nil)
  }

  /// A key's bias shifts all logits of a row alike: its true gradient is zero.
  @Test func theKeysBiasHasNoGradient() {
    let tiny = TinyModel()
    tiny.backward(TinyTexts())
    for layer in 0..<2 {
      let name = "encoder.layer.\(layer).attention.self."
      let largest = tiny.gradient(name + "query.bias")!.map(abs).max()!
      #expect(largest > 0)
      #expect(tiny.gradient(name + "key.bias")!.allSatisfy { $0 == 0 })
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

  /// Checks all gradients of the model that `make` gives, and returns it.
  ///
  /// Beside what rounding may do, 1e-9 for the differences of the twin: ε⁴ / 30 times a fifth derivative of a loss of some
  /// units, and the double roundings of a thousand operations, 1e3 · 2⁻⁵³, over ε.
  @discardableResult
  private func check(_ moment: DropoutMoment?, _ make: (TinyModel.Perturbation?) -> TinyModel) throws -> TinyModel {
    let (tiny, texts) = (make(nil), TinyTexts())
    let winners = tiny.backward(texts, moment: moment)
    let rounding = try rounding(of: tiny, winners, moment, make)
    var twin = NaiveModel(tiny, texts, moment: moment)
    var numbers = TestNumbers(seed: 77)
    for tensor in tiny.parameters.layout.trained {
      let gradient = tiny.gradient(tensor.name)!.map(Double.init)
      let direction = plus(unit(gradient), unit(numbers.floats(tensor.count).map(Double.init)))
      let start = twin.values[tensor.name]!
      let slope = slope { distance in
        twin.values[tensor.name] = zip(start, direction).map { $0 + distance * $1 }
        return texts.loss(twin.vectors(), tiny.model.reduction, winners: winners)
      }
      twin.values[tensor.name] = start
      let expected = zip(gradient, direction).map(*).reduce(0, +)
      let bound = rounding[tensor.name]! * length(direction) + 1e-9
      #expect(abs(slope - expected) < bound, "\(tensor.name): \(slope) against \(expected)")
    }
    return tiny
  }

  /// How far rounding may move each tensor's gradient, as a length.
  ///
  /// A product rounded to float is the exact product with weights that differ by up to γ of themselves (Higham, "Accuracy
  /// and Stability of Numerical Algorithms", 2002, section 3.5). So the gradient is that of a model with slightly other
  /// parameters, and how far it moves with them is measured: the largest of four moves under random signs, over their
  /// size. γ of the gradient itself is for its sum over tokens.
  private func rounding(
    of tiny: TinyModel, _ winners: [Int], _ moment: DropoutMoment?, _ make: (TinyModel.Perturbation?) -> TinyModel
  ) throws -> [String: Double] {
    // The longest sums have the 40 terms of the intermediate width and those of all tokens.
    let gamma = TestSupport.rounding(max(40, TinyTexts().batch.tokenCount))
    // Far above rounding, and far below what moves a winner or leaves the linear range.
    let size: Float = 0x1p-13
    let moved = try (1...4 as ClosedRange<UInt64>).map { seed in
      let moved = make(TinyModel.Perturbation(seed: seed, size: size))
      try #require(moved.backward(TinyTexts(), moment: moment) == winners, "a winner changed: choose another seed")
      return moved
    }
    return Dictionary(
      uniqueKeysWithValues: tiny.parameters.layout.trained.map { tensor in
        let gradient = tiny.gradient(tensor.name)!.map(Double.init)
        let moves = moved.map { moved in
          length(zip(moved.gradient(tensor.name)!.map(Double.init), gradient).map(-)) / Double(size)
        }
        return (tensor.name, gamma * (moves.max()! + length(gradient)))
      })
  }

  /// The slope at 0, exact but for a term in ε⁴.
  private func slope(of function: (Double) -> Double) -> Double {
    let epsilon = 1e-3
    return (8 * (function(epsilon) - function(-epsilon)) - (function(2 * epsilon) - function(-2 * epsilon)))
      / (12 * epsilon)
  }

  private func length(_ v: [Double]) -> Double { v.map { $0 * $0 }.reduce(0, +).squareRoot() }

  private func unit(_ v: [Double]) -> [Double] {
    let length = max(length(v), 1e-30)
    return v.map { $0 / length }
  }

  private func plus(_ a: [Double], _ b: [Double]) -> [Double] { zip(a, b).map(+) }
}
