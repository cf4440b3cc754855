import Testing

@Suite struct DatasetsModuleTests {
  @Test func starts() {}
}
