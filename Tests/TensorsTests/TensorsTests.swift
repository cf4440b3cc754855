import Testing

@Suite struct TensorsModuleTests {
  @Test func starts() {}
}
