import Foundation

/// Where the Hub and its cache are, by the environment variables that Hugging Face's own client reads.
///
/// Source: <https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables>.
package struct HubSettings: Sendable {
  /// `HF_ENDPOINT`, without a slash at its end.
  let endpoint: String
  let cache: HubCache
  /// `HF_HUB_OFFLINE`: nothing is asked of the Hub.
  let isOffline: Bool
  /// The token in the environment; nil: none there.
  private let environmentToken: String?
  /// Where `hf auth login` leaves a token.
  private let tokenFile: String

  package init(environment: [String: String] = ProcessInfo.processInfo.environment) {
    func given(_ names: String...) -> String? {
      names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
    }
    let user = given("HOME") ?? NSHomeDirectory()
    func path(_ text: String) -> String {
      text == "~" ? user : text.hasPrefix("~/") ? user + text.dropFirst() : text
    }
    let home = path(given("HF_HOME") ?? "\(given("XDG_CACHE_HOME") ?? "~/.cache")/huggingface")
    endpoint = String((given("HF_ENDPOINT") ?? "https://huggingface.co").trimmingSuffix { $0 == "/" })
    cache = HubCache(path: path(given("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE") ?? "\(home)/hub"))
    isOffline = ["1", "ON", "YES", "TRUE"].contains((given("HF_HUB_OFFLINE") ?? "").uppercased())
    environmentToken = given("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
    tokenFile = path(given("HF_TOKEN_PATH") ?? "\(home)/token")
  }

  /// The token to show the Hub; nil: none.
  ///
  /// - Throws: `UsageError` if it cannot be one. It is not repeated in the message.
  func token() throws -> String? {
    let text = environmentToken ?? (try? String(contentsOfFile: tokenFile, encoding: .utf8)) ?? ""
    let token = text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard token.allSatisfy({ $0.isASCII && !$0.isWhitespace && $0 != "\0" }) else {
      let place = environmentToken == nil ? tokenFile : "HF_TOKEN"
      throw UsageError("\(place) holds no token of the Hugging Face Hub: it has white space, or is not ASCII, inside")
    }
    return token.isEmpty ? nil : token
  }

  /// What is wrong with the endpoint; nil if it will do.
  var endpointProblem: String? {
    let schemes = ["https://", "http://"]
    if schemes.contains(where: { endpoint.hasPrefix($0) && endpoint.count > $0.count }) { return nil }
    return "HF_ENDPOINT is \(endpoint); it is a URL such as https://huggingface.co"
  }
}

/// The addresses of the Hub's interface.
extension HubSettings {
  /// What a revision is made of: its commit, and its files with sizes and hashes.
  func listingURL(_ model: HubModel) -> String {
    "\(endpoint)/api/models/\(model.name)/revision/\(escaped(model.revision, keeping: ""))?blobs=true"
  }

  func fileURL(_ model: HubModel, commit: String, file: String) -> String {
    "\(endpoint)/\(model.name)/resolve/\(commit)/\(escaped(file, keeping: "/"))"
  }

  /// The page for people.
  func page(_ model: HubModel) -> String { "\(endpoint)/\(model.name)" }

  /// All but letters, digits and `-._~` as `%XX`.
  private func escaped(_ text: String, keeping others: String) -> String {
    let plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~" + others
    return text.addingPercentEncoding(withAllowedCharacters: CharacterSet(charactersIn: plain))!
  }
}

/// Scheme, host and port of a URL, which is whom a token may be shown to.
func origin(of url: String) -> String {
  guard let scheme = url.range(of: "://") else { return url }
  let host = url[scheme.upperBound...].prefix { !"/?#".contains($0) }
  return (url[..<scheme.upperBound] + host).lowercased()
}

extension String {
  fileprivate func trimmingSuffix(while predicate: (Character) -> Bool) -> Substring {
    var text = self[...]
    while let last = text.last, predicate(last) { text.removeLast() }
    return text
  }
}
