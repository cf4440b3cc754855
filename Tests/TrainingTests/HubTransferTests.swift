import Foundation
import TestSupport
import Testing

@testable import Training

/// What is asked of the Hub, what its answers mean, and what is kept of them.
@Suite struct HubTransferTests {
  // MARK: curl

  @Test func keepsTheTokenFromRedirections() {
    let plain = Curl.configuration(.init(url: "https://a/\"b\"\\"))
    #expect(plain.contains(#"url = "https://a/\"b\"\\""#) && plain.contains("max-redirs = 10\n"))
    #expect(!plain.contains("Authorization") && !plain.contains("continue-at"))
    let secret = Curl.configuration(.init(url: "https://a", token: "hf_x", offset: 7))
    #expect(secret.contains("header = \"Authorization: Bearer hf_x\"\n") && secret.contains("max-redirs = 0\n"))
    #expect(secret.contains("continue-at = 7\n"))
  }

  @Test func readsWhatCurlReports() {
    let moved = Curl.Answer(
      exit: 47, report: "curl: (47) Maximum (0) redirects followed\n\ncolbert-answer\t302\thttps://b/\t\n")
    #expect(moved.status == 302 && moved.redirect == "https://b/" && moved.errorCode == nil)
    let refused = Curl.Answer(exit: 22, report: "curl: (22) 403\n\ncolbert-answer\t403\t\tGatedRepo\n")
    #expect(refused.status == 403 && refused.redirect == nil && refused.errorCode == "GatedRepo")
    let old = Curl.Answer(exit: 22, report: "\ncolbert-answer\t404\t\t%header{x-error-code}\n")
    #expect(old.status == 404 && old.errorCode == nil)
    let none = Curl.Answer(exit: 6, report: "curl: (6) Could not resolve host: x\n\ncolbert-answer\t000\t\t\n")
    #expect(none.status == 0 && none.message == "curl: (6) Could not resolve host: x")
  }

  @Test func saysHowToInstallCurl() {
    let error = #expect(throws: HubError.self) { try Curl(searchPath: "/nowhere:/") }
    #expect(error?.description.contains("apt-get install curl") == true)
  }

  // MARK: Answers

  static func outcome(exit: Int32, _ status: Int, isOfHub: Bool = true, offset: Int = 0) -> HubOutcome {
    let answer = Curl.Answer(exit: exit, status: status, redirect: nil, errorCode: nil, message: "curl: what")
    return HubOutcome(answer, isOfHub: isOfHub, offset: offset)
  }

  @Test func tellsWhatPassesFromWhatDoesNot() {
    #expect(Self.outcome(exit: 0, 200) == .done)
    #expect(Self.outcome(exit: 0, 206, offset: 3) == .done)
    for status in [408, 429, 500, 502, 503, 504] {
      #expect(Self.outcome(exit: 22, status) == .mayPass("HTTP \(status)", attempts: 4))
    }
    for status in [400, 401, 403, 404] {
      #expect(Self.outcome(exit: 22, status) == .refused(status: status, code: nil))
    }
    // Of the store of large files it means that the signature in the address has become too old.
    #expect(Self.outcome(exit: 22, 403, isOfHub: false) == .mayPass("HTTP 403 of the store", attempts: 2))
    for exit: Int32 in [18, 28, 52, 56] {
      #expect(Self.outcome(exit: exit, 200) == .mayPass("curl: what", attempts: 4))
    }
    for exit: Int32 in [6, 7] { #expect(Self.outcome(exit: exit, 0) == .mayPass("curl: what", attempts: 2)) }
    #expect(Self.outcome(exit: 60, 0) == .failed("curl: what"))
    #expect(Self.outcome(exit: 0, 304) == .failed("HTTP 304 without an address to go on to"))
  }

  /// A server that sends whole files only must not be asked for a part for ever.
  @Test func beginsAnewOnce() {
    for (exit, status) in [(Int32(33), 200), (22, 416)] {
      #expect(Self.outcome(exit: exit, status, offset: 3) == .startsOver)
      #expect(Self.outcome(exit: exit, status, offset: 0) != .startsOver)
    }
  }

  @Test(arguments: [
    (401, nil, false, "has no public model of that name. Check the spelling; for a private or gated model"),
    (401, "RepoNotFound", true, "does not know the token"),
    (403, "GatedRepo", true, "accept the model's terms on https://huggingface.co/BAAI/bge-m3"),
    (404, "RevisionNotFound", false, "has no revision main"), (404, nil, false, "check the spelling of ORG/NAME"),
    (410, nil, false, "HTTP 410"),
  ])
  func saysWhatToDo(status: Int, code: String?, hasToken: Bool, text: String) {
    let error = HubError.refused(
      status, code: code, what: "FILE", model: HubTests.bgeM3, settings: HubTests.settings, hasToken: hasToken)
    #expect(error.description.hasPrefix("FILE: ") && error.description.contains(text), "\(error)")
    #expect(error.exitStatus == 64)
  }

  // MARK: Blobs

  /// `echo hello | git hash-object --stdin` and `sha256sum`.
  static let hello = Array("hello\n".utf8)[...]
  static let hashes: [BlobHash] = [
    .gitSHA1("ce013625030ba8dba906f756967f9e9ca394464a"),
    .sha256("5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"),
  ]

  @Test(arguments: hashes) func goesOnWithWhatIsThere(hash: BlobHash) throws {
    try withFolder(["x.incomplete": "hel"]) { folder in
      let file = HubFile(path: "x", bytes: 6, hash: hash)
      var seen: [Int] = []
      let blob = try PartialBlob("\(folder)/x.incomplete", of: file) { seen.append($0) }
      #expect(blob.problem() == "3 of its 6 bytes came")
      try blob.append(Self.hello[3...])
      #expect(seen == [3, 6] && blob.problem() == nil)
      #expect(throws: PartialBlob.TooLong.self) { try blob.append(Self.hello[..<1]) }
      try blob.commit(as: "\(folder)/x")
      let content = try String(contentsOfFile: "\(folder)/x", encoding: .utf8)
      #expect(content == "hello\n")
    }
  }

  @Test(arguments: hashes) func seesAWrongByte(hash: BlobHash) throws {
    // What an earlier attempt left counts too.
    for there in ["hex", "hello, world"] {
      try withFolder(["x.incomplete": there]) { folder in
        let blob = try PartialBlob("\(folder)/x.incomplete", of: HubFile(path: "x", bytes: 6, hash: hash)) { _ in }
        // More than the file has is nothing of it.
        #expect(blob.bytes == (there == "hex" ? 3 : 0))
        try blob.append(Self.hello[blob.bytes...])
        let problem = blob.problem()
        #expect((problem == nil) == (there != "hex"))
        if let problem { #expect(problem.contains("the Hub says \(hash.text)")) }
        try blob.restart()
        try blob.append(Self.hello)
        #expect(blob.problem() == nil)
      }
    }
  }
}
