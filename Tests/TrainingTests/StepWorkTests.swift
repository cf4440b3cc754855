import LateInteraction
import Testing

@testable import Training

/// The arithmetic of a step, counted by hand for two layers, 4 wide with 8 inside, and a head of 2.
struct StepWorkTests {
  // One query of 3 tokens and one document of 5, one of them without a vector; all may be asked by attention.
  private var query: TextSizes { sizes(tokens: 3, vectors: 3) }
  private var document: TextSizes { sizes(tokens: 5, vectors: 4) }
  // A token costs a layer 2·(4·4² + 2·4·8) = 256 operations, a vector the head 2·4·2 = 16.
  private let layer = 8.0 * 256
  private let heads = 7.0 * 16
  // A pair of tokens costs a layer's attention 4·4 = 16: (3² + 5²)·16.
  private let attention = 34.0 * 16

  @Test func oneChunk() {
    let work = work(.all, [(query, document)])
    #expect(work.products == 3 * (2 * layer + heads), "forward, and two gradients for each product")
    #expect(work.attention == 3 * 2 * attention, "two products forward, four backward")
    // Forward all 3·4 similarities, backward 3 winners in one document, both gradients: 2·2·(3·4 + 2·3).
    #expect(work.maxSim == 2 * 2 * (3 * 4 + 2 * 3))
    #expect(work.repeatedProducts == 0 && work.repeatedAttention == 0)
  }

  @Test func theHeadAloneHasNoBackwardBelowIt() {
    let work = work(.head, [(query, document)])
    #expect(work.products == 2 * layer + 2 * heads)
    #expect(work.attention == 2 * attention)
  }

  /// The gradient of the lower layer's input is nobody's: its queries, keys and values spare 2·3·4² a token.
  @Test func theTopLayerAlone() {
    let work = work(.top(1), [(query, document)])
    #expect(work.products == 2 * layer + heads + 2 * layer + 2 * heads - 8 * 96)
    #expect(work.attention == 2 * attention + 2 * attention)
  }

  @Test func twoChunksAreEncodedTwice() {
    let work = work(.all, [(query, TextSizes()), (TextSizes(), document)])
    #expect(work.products == 3 * (2 * layer + heads))
    #expect(work.repeatedProducts == 2 * layer + heads)
    #expect(work.repeatedAttention == 2 * attention)
  }

  @Test func recomputingRepeatsAllLayersButTheTop() {
    let whole = work(.all, [(query, document)], recomputes: true)
    #expect(whole.repeatedProducts == layer)
    #expect(whole.repeatedAttention == attention)
    let chunks = work(.all, [(query, TextSizes()), (TextSizes(), document)], recomputes: true)
    #expect(chunks.repeatedProducts == 3 * layer + heads)
    #expect(chunks.repeatedAttention == 3 * attention)
  }

  private func work(
    _ trained: LateInteraction.TrainedPart, _ chunks: [(queries: TextSizes, documents: TextSizes)],
    recomputes: Bool = false
  ) -> StepWork {
    let encoder = EncoderConfiguration(
      family: .bert, width: 4, layerCount: 2, headCount: 1, intermediateWidth: 8, vocabularySize: 10,
      maximumPositions: 16, typeCount: 1, epsilon: 1e-12, paddingID: 0, hiddenDropout: 0, attentionDropout: 0)
    let head = HeadShape(name: "linear", width: 4, dimension: 2, hasBias: false)
    let model = ModelShape(
      encoder: encoder, head: head,
      layout: ParameterLayout(encoder: encoder, head: head, hasSparseHead: false, training: trained),
      hasSparseHead: false, readsStates: false, recomputesLayers: recomputes)
    let share = SampledShare(
      chunks: chunks.map { SampledChunk(queries: $0.queries, documents: $0.documents) },
      allQueries: TextCounts(texts: 1, vectors: 3), allDocuments: TextCounts(texts: 1, vectors: 4), mostDocuments: 1,
      words: 8)
    return StepWork(model, share, updated: 0)
  }

  private func sizes(tokens: Int, vectors: Int) -> TextSizes {
    var sizes = TextSizes()
    sizes.add(tokens: tokens, keys: tokens, vectors: vectors)
    return sizes
  }
}
