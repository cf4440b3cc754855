import Datasets
import Testing

struct DealTests {
  @Test(arguments: [1, 2, 3, 8, 64], [0, 1, 2, 7, 30, 256])
  func eachGetsAsManyAndAboutAsMuch(hands: Int, count: Int) {
    // As texts are: most of them short, some long.
    let lengths = (0..<count).map { 10 + $0 * 7919 % 193 * ($0 * 31 % 8) }
    let dealt = deal(lengths, among: hands)
    #expect(dealt.count == hands)
    #expect(dealt.joined().sorted() == Array(0..<count))
    #expect(dealt.allSatisfy { $0 == $0.sorted() })
    let counts = dealt.map(\.count)
    #expect(counts.max()! - counts.min()! <= 1)
    let sums = dealt.map { $0.reduce(0) { $0 + lengths[$1] } }
    #expect(sums.max()! - sums.min()! <= lengths.max() ?? 0)
  }

  @Test func equalLengthsGoRound() {
    #expect(deal([5, 5, 5, 5, 5], among: 2) == [[0, 2, 4], [1, 3]])
  }

  @Test func theLongestGoesToTheHandWithLeast() {
    #expect(deal([1, 9, 4, 3], among: 2) == [[0, 1], [2, 3]])
  }
}
