import Testing

@Suite struct TrainingModuleTests {
  @Test func starts() {}
}
