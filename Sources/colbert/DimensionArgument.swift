import ArgumentParser

/// The argument of a command whose vectors may be narrower than the model's.
struct DimensionArgument: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Takes the first n components of each vector, divided by their length, as a model trained with loss.matryoshka has \
      them. (default: all)
      """, valueName: "n"))
  var dimension: Int?

  func validate() throws {
    if let dimension, dimension < 1 {
      throw ValidationError(
        "--dimension is \(dimension); it must be 1 or more, up to the dimension of the model's vectors.")
    }
  }
}
