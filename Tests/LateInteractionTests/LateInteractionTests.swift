import Testing

@Suite struct LateInteractionModuleTests {
  @Test func starts() {}
}
