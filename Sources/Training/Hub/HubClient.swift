import Foundation
import Logging

/// Where what is fetched goes: it may come in several attempts, each going on where the one before broke off.
protocol FetchTarget: AnyObject {
  /// Bytes that have come so far.
  var bytes: Int { get }
  func append(_ block: ArraySlice<UInt8>) throws
  /// Begins anew.
  func restart() throws
}

/// Asks the Hub, again if need be.
struct HubClient {
  let settings: HubSettings
  let token: String?
  let curl: Curl
  let logger: Logger

  /// Before the second attempt and those after it, in seconds; an attempt that came further begins them anew.
  static let waits = [0.5, 2, 8, 32]

  /// Fetches what is at `url` of the Hub.
  ///
  /// - Parameter what: the model, or a file of it, for messages.
  func fetch(_ url: String, what: String, of model: HubModel, into target: some FetchTarget) throws {
    var failures = 0
    var furthest = target.bytes
    while true {
      let before = target.bytes
      let (answer, isOfHub) = try follow(url, into: target)
      switch HubOutcome(answer, isOfHub: isOfHub, offset: before) {
      case .done: return
      case .startsOver:
        // The server gives whole files only, or what is here is longer than what is there.
        try target.restart()
      case .refused(let status, let code):
        throw HubError.refused(
          status, code: code, what: what, model: model, settings: settings, hasToken: token != nil)
      case .failed(let reason):
        throw HubError("\(what): \(reason)")
      case .mayPass(let reason, let attempts):
        if target.bytes > furthest { failures = 0 }
        furthest = max(furthest, target.bytes)
        let waits = Self.waits.prefix(attempts)
        guard failures < waits.count else {
          throw HubError("\(what): \(reason), \(waits.count + 1) times; \(Self.advice(answer))")
        }
        logger.warning("\(what): \(reason); again in \(waits[failures].formatted()) s")
        Thread.sleep(forTimeInterval: waits[failures])
        failures += 1
      }
    }
  }

  /// Makes the request, and those that redirections make of it. The token goes to the Hub's own host alone.
  private func follow(_ url: String, into target: some FetchTarget) throws -> (Curl.Answer, isOfHub: Bool) {
    var url = url
    for _ in 0..<10 {
      let isOfHub = origin(of: url) == origin(of: settings.endpoint)
      let request = Curl.Request(url: url, token: isOfHub ? token : nil, offset: target.bytes)
      let answer = try curl.run(request) { try target.append($0) }
      guard answer.exit == Curl.Exit.redirected, let next = answer.redirect else { return (answer, isOfHub) }
      url = next
    }
    throw HubError("\(url): redirected in a circle; is HF_ENDPOINT right?")
  }

  private static func advice(_ answer: Curl.Answer) -> String {
    Curl.Exit.unreachable.contains(answer.exit)
      ? "is there a network, or a proxy to be set in https_proxy? HF_HUB_OFFLINE=1 takes what the cache has"
      : "the same command goes on where it stopped"
  }
}

/// What an answer means for what is done next.
enum HubOutcome: Equatable {
  case done
  case startsOver
  case refused(status: Int, code: String?)
  case failed(String)
  /// Worth that many attempts more.
  case mayPass(String, attempts: Int)

  /// - Parameters:
  ///   - isOfHub: whether the Hub answered, not the store of large files that it sends people to.
  ///   - offset: from which byte on was asked.
  init(_ answer: Curl.Answer, isOfHub: Bool, offset: Int) {
    let all = HubClient.waits.count
    switch (answer.exit, answer.status) {
    case (0, 200..<300): self = .done
    case (Curl.Exit.noRanges, _) where offset > 0, (Curl.Exit.refusedByHTTP, 416) where offset > 0: self = .startsOver
    case (Curl.Exit.refusedByHTTP, 408), (Curl.Exit.refusedByHTTP, 425), (Curl.Exit.refusedByHTTP, 429),
      (Curl.Exit.refusedByHTTP, 500...):
      self = .mayPass("HTTP \(answer.status)", attempts: all)
    case (Curl.Exit.refusedByHTTP, _) where isOfHub: self = .refused(status: answer.status, code: answer.errorCode)
    // Its addresses are signed for a while only; the next attempt gets a new one.
    case (Curl.Exit.refusedByHTTP, _): self = .mayPass("HTTP \(answer.status) of the store", attempts: 2)
    case (let exit, _) where Curl.Exit.unreachable.contains(exit): self = .mayPass(answer.message, attempts: 2)
    case (let exit, _) where Curl.Exit.broken.contains(exit): self = .mayPass(answer.message, attempts: all)
    case (0, let status): self = .failed("HTTP \(status) without an address to go on to")
    default: self = .failed(answer.message)
    }
  }
}
