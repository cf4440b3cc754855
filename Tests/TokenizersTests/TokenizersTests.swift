import Testing

@Suite struct TokenizersModuleTests {
  @Test func starts() {}
}
