import ArgumentParser
import Training

extension Configuration.Precision: ExpressibleByArgument {}

/// The precision of a command that is given a model and no configuration.
struct PrecisionArgument: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The encoder's products: as model.precision of the run that trained it, to get its bits.",
      valueName: "float32|bfloat16"))
  var precision = Configuration.Precision.float32
}
