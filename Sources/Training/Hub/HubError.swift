import Communication

/// What stands between this machine and a model on the Hub.
struct HubError: Error, Equatable, CustomStringConvertible, ExitStatusProviding {
  let description: String
  let exitStatus: Int32

  /// - Parameter exitStatus: 64 if the person has to change something, 70 if the network or the Hub has.
  init(_ description: String, exitStatus: Int32 = 70) {
    self.description = description
    self.exitStatus = exitStatus
  }
}

extension HubError {
  /// What an HTTP status of the Hub's means and what to do.
  ///
  /// - Parameters:
  ///   - code: what the Hub's header `X-Error-Code` says beside it.
  ///   - what: the model, or a file of it.
  static func refused(
    _ status: Int, code: String?, what: String, model: HubModel, settings: HubSettings, hasToken: Bool
  ) -> HubError {
    let page = settings.page(model)
    let text =
      switch (status, code) {
      case (401, _) where hasToken:
        """
        the Hub does not know the token (HTTP 401); make another on \(settings.endpoint)/settings/tokens and put it in \
        HF_TOKEN
        """
      case (401, _):
        """
        the Hub wants to know who asks (HTTP 401): it has no public model of that name. Check the spelling; for a \
        private or gated model make a token on \(settings.endpoint)/settings/tokens and put it in HF_TOKEN
        """
      case (403, _):
        """
        the Hub does not give it to the owner of this token (HTTP 403); accept the model's terms on \(page) with the \
        same account, and let the token read gated repositories
        """
      case (404, "RevisionNotFound"):
        "the model has no revision \(model.revision) (HTTP 404); \(page)/tree/main lists its branches and tags"
      case (404, _):
        "the Hub has no such model or revision (HTTP 404); check the spelling of ORG/NAME, and whether \(page) opens"
      default:
        "the Hub refuses it (HTTP \(status)\(code.map { ", \($0)" } ?? "")); does \(page) open?"
      }
    return HubError("\(what): \(text)", exitStatus: 64)
  }
}
