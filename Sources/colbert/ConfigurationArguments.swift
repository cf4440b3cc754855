import ArgumentParser

/// The arguments of a command that needs a configuration.
struct ConfigurationArguments: ParsableArguments {
  @Argument(help: "The YAML file that says what to train, on what, and how.", completion: .file(extensions: ["yaml"]))
  var config: String

  @OptionGroup var overrides: OverrideArguments
}

/// The part of a configuration that is given on the command line.
struct OverrideArguments: ParsableArguments {
  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "Overrides a key of the file, such as --set run.steps=100 or --set 'model.train={top: 2}'; the value is YAML.",
      valueName: "key.path=value"))
  var values: [String] = []
}
