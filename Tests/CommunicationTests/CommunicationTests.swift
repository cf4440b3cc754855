import Testing

@Suite struct CommunicationModuleTests {
  @Test func starts() {}
}
