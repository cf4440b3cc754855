import Testing

@Suite struct CheckpointsModuleTests {
  @Test func starts() {}
}
