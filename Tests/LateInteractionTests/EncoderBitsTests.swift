import LateInteraction
import TestSupport
import Tensors
import Testing

/// The forward half of the law of cuts: a text's vectors are the same bits wherever and however it is encoded.
@Suite struct EncoderBitsTests {
  static let moments: [DropoutMoment?] = [nil, DropoutMoment(seed: 3, step: 17)]

  @Test(arguments: moments)
  func aTextIsTheSameBitsAloneAndAmongOthers(moment: DropoutMoment?) {
    let texts = TinyTexts()
    let reference = TinyModel(dropout: 0.2)
    let whole = bits(reference.vectors(texts, moment: moment))
    for threads in [1, 2, 3] {
      let model = TinyModel(dropout: 0.2, threads: threads)
      #expect(bits(model.vectors(texts, moment: moment)) == whole)
      #expect(bits(model.vectors(texts, moment: moment, keepsActivations: true)) == whole)
      for some in [[0], [1], [2], [3], [4], [5], [4, 1], [5, 3, 0], [2, 3, 4, 5]] {
        let part = texts.only(some)
        let vectors = bits(model.vectors(part, moment: moment))
        for (i, text) in some.enumerated() {
          #expect(Array(vectors[part.rows(of: i)]) == Array(whole[texts.rows(of: text)]), "text \(text) in \(some)")
        }
      }
    }
  }

  @Test func vectorsHaveLengthOne() {
    let vectors = TinyModel().vectors(TinyTexts())
    for row in 0..<vectors.count / 8 {
      let squares = vectors[row * 8..<row * 8 + 8].map { Double($0) * Double($0) }.reduce(0, +)
      #expect(abs(squares - 1) < 1e-6)
    }
  }

  /// What is trained changes no bit of the evaluation; in training frozen layers do not drop out.
  @Test func frozenLayersComputeTheSame() {
    let texts = TinyTexts()
    let all = TinyModel(dropout: 0.2)
    let evaluated = all.vectors(texts)
    for part in [TrainedPart.head, .top(1), .top(2)] {
      #expect(bits(TinyModel(training: part, dropout: 0.2).vectors(texts)) == bits(evaluated))
    }
    let moment = DropoutMoment(seed: 1, step: 1)
    #expect(TinyModel(training: .head, dropout: 0.2).vectors(texts, moment: moment) == evaluated)
    let top = TinyModel(training: .top(1), dropout: 0.2).vectors(texts, moment: moment)
    #expect(top != evaluated && top != all.vectors(texts, moment: moment))
  }

  @Test func dropoutRepeatsItselfAtItsMomentOnly() {
    let model = TinyModel(dropout: 0.2)
    let texts = TinyTexts()
    let first = model.vectors(texts, moment: DropoutMoment(seed: 1, step: 1))
    #expect(model.vectors(texts, moment: DropoutMoment(seed: 1, step: 2)) != first)
    #expect(model.vectors(texts, moment: DropoutMoment(seed: 2, step: 1)) != first)
    #expect(model.vectors(texts) != first)
    #expect(bits(model.vectors(texts, moment: DropoutMoment(seed: 1, step: 1))) == bits(first))
  }

  /// A row of query expansion asks but is not asked: its id shows in its own vector and nowhere else.
  @Test func expansionRowsAreNoKeys() {
    let model = TinyModel()
    let texts = TinyTexts()
    let before = model.vectors(texts)
    let changed = TinyTexts(changing: { text, ids in text == 0 ? ids.dropLast() + [28] : ids })
    let after = model.vectors(changed)
    // Query 0 keeps tokens 1…5; its last vector is that of the changed row.
    let own = texts.rows(of: 0).suffix(8)
    #expect(Array(after[own]) != Array(before[own]))
    let others = before.indices.filter { !own.contains($0) }
    #expect(others.map { after[$0].bitPattern } == others.map { before[$0].bitPattern })
    // A row that is a key shows in the vectors of its whole text.
    let key = model.vectors(TinyTexts(changing: { text, ids in text == 0 ? [3, 28] + ids[2...] : ids }))
    for row in stride(from: 0, to: texts.rows(of: 0).count, by: 8) {
      #expect(Array(key[row..<row + 8]) != Array(before[row..<row + 8]))
    }
  }
}
