import Checkpoints
import Foundation

/// One request over HTTP, by the `curl` program: it has the system's certificates, proxies and HTTP versions.
struct Curl {
  struct Request {
    let url: String
    /// Shown to the host of `url`, and to no other.
    var token: String?
    /// Bytes that are there already and are not asked for.
    var offset = 0
  }

  struct Answer: Equatable {
    /// curl's own exit status: 0 if all went well.
    let exit: Int32
    /// Of HTTP; 0 if no answer came.
    let status: Int
    /// Where a redirection leads that was not followed.
    let redirect: String?
    /// The Hub's `X-Error-Code`.
    let errorCode: String?
    /// What curl says of a failure.
    let message: String
  }

  /// curl's exit statuses that this program acts on.
  enum Exit {
    static let refusedByHTTP: Int32 = 22
    static let noRanges: Int32 = 33
    static let redirected: Int32 = 47
    static let unreachable: Set<Int32> = [5, 6, 7]
    /// A connection that broke, stalled or never came about.
    static let broken: Set<Int32> = [16, 18, 28, 35, 52, 55, 56, 92, 95, 96]
  }

  /// The program's file.
  private let program: String

  /// - Throws: `HubError` if there is no curl.
  init(searchPath: String = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin") throws {
    let places = searchPath.split(separator: ":").map { "\($0)/curl" }
    guard let program = places.first(where: FileManager.default.isExecutableFile) else {
      throw HubError("there is no curl on the PATH, which fetches the files; install it: apt-get install curl")
    }
    self.program = program
  }

  /// Makes a request; `receive` gets the body of a good answer, piece by piece, and no other.
  ///
  /// With a token no redirection is followed: the answer says where it leads.
  func run(_ request: Request, receive: (ArraySlice<UInt8>) throws -> Void) throws -> Answer {
    let process = Process()
    let (input, output, errors) = (Pipe(), Pipe(), Pipe())
    // All of it before curl runs: should curl end early, nobody writes to a pipe that nobody reads. It is little.
    try input.fileHandleForWriting.write(contentsOf: Data(Self.configuration(request).utf8))
    try input.fileHandleForWriting.close()
    process.executableURL = URL(fileURLWithPath: program)
    // --disable, the first: what ~/.curlrc says could show the token to others.
    process.arguments = ["--disable", "--config", "-"]
    process.standardInput = input.fileHandleForReading
    process.standardOutput = output
    process.standardError = errors
    // waitUntilExit would look only every 50 ms.
    let hasEnded = DispatchSemaphore(value: 0)
    process.terminationHandler = { _ in hasEnded.signal() }
    do {
      try process.run()
    } catch {
      throw HubError("\(program) cannot be started: \(error.localizedDescription)")
    }
    try input.fileHandleForReading.close()
    do {
      try Self.passOn(output.fileHandleForReading, to: receive)
    } catch {
      process.terminate()
      hasEnded.wait()
      throw error
    }
    let report = try errors.fileHandleForReading.readToEnd() ?? Data()
    hasEnded.wait()
    return Answer(exit: process.terminationStatus, report: String(decoding: report, as: UTF8.self))
  }

  private static func passOn(_ file: FileHandle, to receive: (ArraySlice<UInt8>) throws -> Void) throws {
    var block = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let count = try FileSystem.read(into: &block, from: file.fileDescriptor, path: "what curl fetched")
      if count == 0 { return }
      try receive(block[..<count])
    }
  }

  /// What curl reads on its standard input: neither address nor token is in the list of processes.
  static func configuration(_ request: Request) -> String {
    var lines = [
      "url = \(quoted(request.url))",
      "silent", "show-error", "fail", "globoff", "location",
      "proto = \"=http,https\"",
      "proto-redir = \"=http,https\"",
      "max-redirs = \(request.token == nil ? 10 : 0)",
      "connect-timeout = 20",
      // A byte a second, or the connection is given up after a minute.
      "speed-limit = 1",
      "speed-time = 60",
      "user-agent = \(quoted("colbert/\(ProgramReport.version)"))",
      "write-out = \(quoted("%{stderr}\n" + Report.line))",
    ]
    if request.offset > 0 { lines.append("continue-at = \(request.offset)") }
    if let token = request.token { lines.append("header = \(quoted("Authorization: Bearer \(token)"))") }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func quoted(_ text: String) -> String {
    let escaped = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    return "\"\(escaped)\""
  }

  /// How curl reports on its standard error, below its own words.
  fileprivate enum Report {
    static let mark = "colbert-answer"
    /// curl before 7.84 knows no `%header` and writes it as it is.
    static let line = "\(mark)\t%{http_code}\t%{redirect_url}\t%header{x-error-code}\n"
  }
}

extension Curl.Answer {
  /// What curl's report on its standard error says.
  init(exit: Int32, report: String) {
    let lines = report.split(separator: "\n").map(String.init)
    let fields = lines.last { $0.hasPrefix("\(Curl.Report.mark)\t") }?
      .split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    func field(_ place: Int) -> String? {
      guard let text = fields?.dropFirst(place).first, !text.isEmpty, !text.hasPrefix("%") else { return nil }
      return text
    }
    self.init(
      exit: exit, status: field(1).flatMap { Int($0) } ?? 0, redirect: field(2), errorCode: field(3),
      message: lines.first { $0.hasPrefix("curl:") } ?? "curl ended with status \(exit)")
  }
}
