import Checkpoints
import Testing

@Suite struct NearestNamesTests {
  @Test func countsTheEditsBetweenTwoNames() {
    #expect(editDistance("", "abc") == 3)
    #expect(editDistance("kitten", "sitting") == 3)
    #expect(editDistance("path", "path") == 0)
    #expect(editDistance("größe", "grösse") == 2, "characters, not bytes")
  }

  @Test func namesTheNearestFirst() {
    let names = ["weight", "bias", "weights", "height"]
    #expect(nearestNames(to: "weigth", among: names, count: 2) == ["weight", "weights"])
    #expect(nearestNames(to: "weight", among: names, count: 9) == ["weight", "height", "weights", "bias"])
    #expect(nearestNames(to: "x", among: [], count: 3) == [])
  }
}
