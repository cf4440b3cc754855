/// A loss, gradient or parameter that is not a number, or infinite.
enum NonFiniteError: Error, CustomStringConvertible {
  /// `quantity` is the loss or the gradient; `rows` are where it shows, as `FILE:line`.
  case beforeUpdate(_ quantity: String, rows: [String])
  case updatedParameters

  var description: String {
    let advice = "start again in another run.directory with a lower optimizer.learning_rate"
    switch self {
    case .beforeUpdate(let quantity, let rows):
      let shown = rows.prefix(8).joined(separator: ", ") + (rows.count > 8 ? " and \(rows.count - 8) more" : "")
      return """
        the \(quantity) is not finite, so no update was made. Look at rows \(shown); if nothing is wrong with them, \
        \(advice)
        """
    case .updatedParameters:
      return "the parameters are not finite after the update, so they are not used; \(advice)"
    }
  }
}
