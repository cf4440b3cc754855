import LateInteraction
import Tokenizers

/// The small JSON files of PyLate's layout (PyLate 1.6, `models/colbert.py`, `models/Dense.py`).
enum PyLateFiles {
  /// The encoder at the root, then the projection.
  static let modules = """
    [
      {
        "idx": 0,
        "name": "0",
        "path": "",
        "type": "sentence_transformers.models.Transformer"
      },
      {
        "idx": 1,
        "name": "1",
        "path": "1_Dense",
        "type": "pylate.models.Dense.Dense"
      }
    ]

    """

  static func dense(_ shape: HeadShape) -> String {
    """
    {
        "in_features": \(shape.width),
        "out_features": \(shape.dimension),
        "bias": \(shape.hasBias),
        "activation_function": "torch.nn.modules.linear.Identity",
        "use_residual": false
    }

    """
  }

  /// PyLate reserves one token of the longest document for its marker.
  static func transformer(_ conventions: InputConventions) -> String {
    """
    {
        "max_seq_length": \(conventions.documentMaxLength - 1),
        "do_lower_case": false
    }

    """
  }
}
