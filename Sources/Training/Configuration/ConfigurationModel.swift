extension Configuration {
  /// `model`: what is trained.
  package struct Model: Codable, Equatable, Sendable {
    /// `path`: a Hugging Face folder: BGE-M3, plain XLM-R or BERT, PyLate / Sentence Transformers, Stanford; or the name
    /// of a model that `colbert download` has fetched.
    package var path = ""
    /// Where that is; `nil`: `path` is the folder. No key: it is looked for at each start, on rank 0 for all.
    package var folder: String?
    /// `dimension`: floats per vector; `nil` takes the folder's ColBERT head, which a plain encoder has not.
    package var dimension: Int?
    /// `style`: how texts are marked and scores are added up.
    package var style = Style.auto
    /// `train`: the part whose parameters move.
    package var train = TrainedPart.all
    /// `precision`: of the factors in the products of the encoder's linear layers; sums and all else are float32. A processor without
    /// bfloat16 instructions computes in float32 and says so.
    package var precision = Precision.float32
    /// `dropout`: both of the encoder's dropouts, as a share; `nil` takes the folder's own.
    package var dropout: Double?
  }

  /// How texts are marked and scores are added up.
  package enum Style: String, Codable, ConfigurationChoice {
    /// The folder says; plain XLM-R is `bge-m3`, plain BERT is `colbert`.
    case auto
    /// Mean score, first token dropped, projection with bias.
    case bgeM3 = "bge-m3"
    /// `[unused0]`/`[unused1]` markers, query expansion, punctuation list, summed score, projection without bias.
    case colbert
  }

  /// The part of a model whose parameters move.
  package enum TrainedPart: Codable, Equatable, Sendable {
    /// The projection alone.
    case head
    case all
    /// The projection and this many of the last layers, 1 or more.
    case top(Int)
  }

  /// What the products of the encoder's linear layers multiply.
  package enum Precision: String, Codable, ConfigurationChoice {
    case float32, bfloat16
  }
}

extension Configuration.Model {
  mutating func visit(_ visitor: inout some ConfigurationVisitor) {
    visitor.value("path", &path, .given("the folder of a Hugging Face model, or its name on the Hub"))
    visitor.value("dimension", &dimension, .null(or: .atLeast(1)))
    visitor.value("style", &style)
    visitor.value("train", &train)
    visitor.value("precision", &precision)
    visitor.value("dropout", &dropout, .null(or: .share))
  }
}

extension Configuration.TrainedPart: ConfigurationValue {
  static var expected: String { "head, all or {top: K}" }

  static func read(_ node: ConfigurationNode) throws(ConfigurationMismatch) -> Self {
    switch node.value {
    case .string("head"): return .head
    case .string("all"): return .all
    case .map(let entries) where entries.count == 1 && entries[0].key == "top":
      guard case .int(let layers) = entries[0].node.value, layers >= 1 else {
        throw ConfigurationMismatch(
          entries[0].node.source, "expected {top: K} with a whole number K of 1 or more, found \(entries[0].node.found)"
        )
      }
      return .top(layers)
    default: throw ConfigurationMismatch(node, expected: expected)
    }
  }

  var written: ConfigurationNode.Value {
    switch self {
    case .head: .string("head")
    case .all: .string("all")
    case .top(let layers): .map([.init(key: "top", .int(layers))])
    }
  }
}
