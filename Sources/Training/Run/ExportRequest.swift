import Foundation

/// What `colbert export` is asked for.
package struct ExportRequest: Codable, Sendable {
  package enum Source: Codable, Sendable {
    /// A checkpoint's folder, or a run's for its newest good one.
    case checkpoint(String)
    /// A model folder in any layout that is read.
    case model(String)
  }

  package let source: Source
  package let layout: ModelLayout
  /// The folder to be made.
  package let output: String
  /// The share of the trained model in a merge with the one it started from; nil: no merge.
  package let merge: Double?
  /// The model to merge with; nil: the run's `model.path`.
  package let mergeStart: String?
  /// Export although the layout cannot say all of the model.
  package let allowsInexact: Bool

  package init(
    source: Source, layout: ModelLayout, output: String, merge: Double?, mergeStart: String?, allowsInexact: Bool
  ) {
    self.source = source
    self.layout = layout
    self.output = output
    self.merge = merge
    self.mergeStart = mergeStart
    self.allowsInexact = allowsInexact
  }
}
