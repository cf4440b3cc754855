/// Which values a key takes, and the words that say so after “it must be”.
struct Allowed<Value>: Sendable {
  let description: String
  let contains: @Sendable (Value) -> Bool

  static var any: Allowed { Allowed(description: "anything") { _ in true } }

  /// `null`, or what `allowed` holds for.
  static func null<Wrapped>(or allowed: Allowed<Wrapped>) -> Allowed where Value == Wrapped? {
    Allowed(description: "\(allowed.description), or null") { value in value.map(allowed.contains) ?? true }
  }
}

extension Allowed where Value == Int {
  static func atLeast(_ least: Int) -> Allowed { Allowed(description: "\(least) or more") { $0 >= least } }
}

extension Allowed where Value == Double {
  static func atLeast(_ least: Int) -> Allowed { Allowed(description: "\(least) or more") { $0 >= Double(least) } }
  static func above(_ bound: Int) -> Allowed { Allowed(description: "more than \(bound)") { $0 > Double(bound) } }
  static var share: Allowed { Allowed(description: "at least 0 and below 1") { (0..<1).contains($0) } }
  static var upToOne: Allowed { Allowed(description: "between 0 and 1") { (0...1).contains($0) } }

  static var warmup: Allowed {
    Allowed(description: "a share of the steps (at least 0 and below 1) or a whole number of steps") {
      $0 >= 0 && ($0 < 1 || $0 == $0.rounded())
    }
  }
}

extension Allowed where Value == [Double] {
  static var betas: Allowed {
    Allowed(description: "two numbers, each at least 0 and below 1") {
      $0.count == 2 && $0.allSatisfy((0..<1).contains)
    }
  }
}

extension Allowed where Value == [Double] {
  static var positiveNumbers: Allowed {
    Allowed(description: "a list of numbers, each more than 0") { !$0.isEmpty && $0.allSatisfy { $0 > 0 } }
  }
}

extension Allowed where Value == [Int] {
  static var dimensions: Allowed {
    Allowed(
      description: "a list of dimensions, each 1 or more and less than the one before it, such as [128, 64, 32]"
    ) { list in !list.isEmpty && list.last! >= 1 && zip(list, list.dropFirst()).allSatisfy { $0 > $1 } }
  }
}

extension Allowed where Value == String {
  /// Text that is not empty; `what` says what it names.
  static func given(_ what: String) -> Allowed { Allowed(description: what) { !$0.isEmpty } }
  static var corpus: Allowed { given("a file of {\"text\": …} lines or a folder in BEIR's layout") }
}

extension Allowed where Value == [Configuration.TrainingFile] {
  static var files: Allowed {
    Allowed(description: "a list of one or more .jsonl files") { !$0.isEmpty && $0.allSatisfy { !$0.path.isEmpty } }
  }
}
