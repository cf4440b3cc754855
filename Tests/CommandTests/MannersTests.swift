import Foundation
import Testing

/// What the program says of itself, and to people who mistype.
@Suite struct MannersTests {
  private func errors(_ arguments: [String]) throws -> String {
    let ended = try Command.colbert(arguments, in: ".")
    #expect(ended.status == 64)
    #expect(ended.output == "")
    return ended.errors
  }

  @Test(
    arguments: [
      (["trian", "run.yaml"], "trian is not a command of colbert; did you mean train?"),
      (["trian", "run.yaml", "--set", "run.steps=1"], "trian is not a command of colbert; did you mean train?"),
      (["eval", "run.yaml"], "eval is not a command of colbert; did you mean evaluate?"),
      (["checkpoint", "lst", "runs"], "lst is not a command of colbert checkpoint; did you mean list?"),
      (
        ["checkpoint", "remove", "runs"], "remove is not a command of colbert checkpoint; there are list, verify"
      ),
      (
        ["encode", "--modle", "m", "--role", "query"],
        "--modle is not an option of colbert encode; did you mean --model?"
      ),
      (["evaluate", "--model=m", "--dta=d"], "--dta is not an option of colbert evaluate; did you mean --data?"),
      (["train", "x.yaml", "--resum", "never"], "--resum is not an option of colbert train; did you mean --resume?"),
      (
        ["train", "x.yaml", "--gpu"],
        "--gpu is not an option of colbert train; there are --set, --resume, --trace"
      ),
    ] as [([String], String)])
  func namesWhatWasMeant(arguments: [String], message: String) throws {
    let errors = try errors(arguments)
    #expect(errors.hasPrefix("Error: \(message)"), "\(errors)")
    #expect(errors.contains("\nUsage: colbert"), "\(errors)")
  }

  /// Everything is spelt well: the parser's own words stand.
  @Test(
    arguments: [
      (["encode", "--model", "m"], "Error: Missing expected argument '--role"),
      (["train", "a", "b"], "Error: Unexpected argument 'b'"),
      (["tokenize", "--model", "--role", "x"], "Error: Missing value for '--model"),
    ] as [([String], String)])
  func leavesOtherFaultsToTheParser(arguments: [String], message: String) throws {
    let errors = try errors(arguments)
    #expect(errors.hasPrefix(message), "\(errors)")
  }

  @Test func saysItsVersionAndItsLibraries() throws {
    let ended = try Command.colbert(["--version"], in: ".")
    #expect(ended.status == 0 && ended.errors == "")
    let lines = ended.output.split(separator: "\n").map(String.init)
    #expect(lines[0].contains(#/^colbert \d+\.\d+\.\d+, (debug|release) build of /#), "\(lines[0])")
    let rows = Dictionary(
      uniqueKeysWithValues: lines.dropFirst().map { line in
        let name = String(line.prefix { $0 != " " })
        return (name, line.dropFirst(name.count).trimmingCharacters(in: .whitespaces))
      })
    #expect(rows["MPI"]?.contains(#/^Open MPI v\d+\.\d+/#) == true)
    #expect(rows["OpenBLAS"]?.contains(#/^\d+\.\d+.*, \w+ kernels$/#) == true)
    #if ONEDNN
      #expect(rows["oneDNN"]?.contains(#/^\d+\.\d+\.\d+(, not used: no AVX-512 here)?$/#) == true)
    #else
      #expect(rows["oneDNN"] == "not built in")
    #endif
    #if SENTENCEPIECE
      #expect(FileManager.default.fileExists(atPath: try #require(rows["SentencePiece"])))
    #else
      #expect(rows["SentencePiece"] == "not built in")
    #endif
    #expect(rows["processor"]?.contains(#/, \d+ of \d+ processors, .*(AVX2|NEON)/#) == true)
    #expect(rows["system"] != nil)
  }

  /// `colbert --help`, and the help of each command that it lists.
  @Test func everyHelpSaysTheExitStatuses() throws {
    let help = try Command.colbert(["--help"], in: ".").output
    let list = try #require(help.components(separatedBy: "SUBCOMMANDS:\n").last)
    let commands = list.components(separatedBy: "\n\n")[0].split(separator: "\n")
      .filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") }.map { $0.split(separator: " ")[0] }
    try #require(commands.count >= 10, "\(list)")
    for command in [[]] + commands.map({ [String($0)] }) {
      let help = try Command.colbert(command + ["--help"], in: ".").output
      #expect(help.contains("EXIT STATUS"), "\(command)")
      for status in ["0", "64", "65", "75", "70"] { #expect(help.contains("\n  \(status) "), "\(command) \(status)") }
    }
  }
}
