/// A model on the Hugging Face Hub: `ORG/NAME`, or `ORG/NAME@REVISION`.
package struct HubModel: Codable, Equatable, Sendable, CustomStringConvertible {
  /// `ORG/NAME`.
  package let name: String
  /// A branch, a tag or a commit.
  package let revision: String

  package static let mainRevision = "main"

  private init(name: String, revision: String) {
    self.name = name
    self.revision = revision
  }

  /// nil if `text` is no such name.
  ///
  /// Names are those that `huggingface_hub` lets through (`validate_repo_id`), of the kind with an organisation.
  package init?(_ text: String) {
    let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let revision = parts.count == 2 ? parts[1] : Self.mainRevision
    guard Self.isName(parts[0]), Self.isRevision(revision) else { return nil }
    self.init(name: parts[0], revision: revision)
  }

  /// The same model at another revision; nil if that is none.
  package func at(_ revision: String) -> HubModel? {
    Self.isRevision(revision) ? HubModel(name: name, revision: revision) : nil
  }

  /// `ORG/NAME`, with the revision if it is not `main`: what the constructor reads.
  package var description: String { revision == Self.mainRevision ? name : "\(name)@\(revision)" }

  private static func isName(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    return parts.count == 2 && text.utf8.count <= 96 && !text.contains("--") && !text.contains("..")
      && parts.allSatisfy { part in
        part.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
          && ![nil, "-", "."].contains(part.first) && ![nil, "-", "."].contains(part.last)
      }
  }

  /// What git takes for one, and may be a part of a path: `refs/pr/7` is one.
  private static func isRevision(_ text: String) -> Bool {
    isRelativePath(text) && text.first != "-"
      && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_./+".contains($0)) }
  }
}

/// Whether `text` leads from a folder to something inside it, by whatever links.
func isRelativePath(_ text: String) -> Bool {
  let parts = text.split(separator: "/", omittingEmptySubsequences: false)
  return parts.allSatisfy { !["", ".", ".."].contains($0) } && !text.contains { $0 == "\\" || $0 == "\0" }
}

/// Whether `text` is a commit of git, as the Hub writes it.
func isCommit(_ text: String) -> Bool { isHexadecimal(text, digits: 40) }

func isHexadecimal(_ text: String, digits: Int) -> Bool {
  text.utf8.count == digits && text.allSatisfy { ("0"..."9").contains($0) || ("a"..."f").contains($0) }
}
