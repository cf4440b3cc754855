/// Deals things of some lengths among `hands`, so that none has much more to carry than another.
///
/// Round by round, the longest first, each hand gets one, the longest of a round the hand that has least. So each gets as
/// many, but for one, and their sums differ by no more than the longest length. A function of its arguments alone.
///
/// - Returns: the positions in `lengths` that each hand gets, ascending.
package func deal(_ lengths: [Int], among hands: Int) -> [[Int]] {
  precondition(hands > 0, "\(lengths.count) things among \(hands) hands")
  let longestFirst = lengths.indices.sorted { (lengths[$1], $0) < (lengths[$0], $1) }
  var dealt = Array(repeating: [Int](), count: hands)
  var sums = Array(repeating: 0, count: hands)
  for start in stride(from: 0, to: lengths.count, by: hands) {
    let leastFirst = sums.indices.sorted { (sums[$0], $0) < (sums[$1], $1) }
    for (position, hand) in zip(longestFirst[start..<min(start + hands, lengths.count)], leastFirst) {
      dealt[hand].append(position)
      sums[hand] += lengths[position]
    }
  }
  return dealt.map { $0.sorted() }
}
