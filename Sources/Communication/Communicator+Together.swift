internal import Foundation

extension Communicator {
  /// What `body` gives; if it fails on any rank, all ranks throw the `RankFailure` of the lowest one that failed.
  ///
  /// Collective: every rank calls it. For work that may fail on some ranks only, such as reading this rank's files. The
  /// body itself must not call collectives that a failing rank would miss; `together` and `onRoot` inside it are fine.
  /// - Parameter doing: the work, for the message: "reading the training data".
  package func together<Value>(_ doing: String, _ body: () throws -> Value) throws -> Value {
    let outcome = Result { try named(doing, body) }
    let mine = try failure(in: outcome, doing: doing)
    let everyones: [[UInt8]]
    do {
      everyones = try named(doing) { try allGather(bytes: mine.map { try encoded($0) } ?? []) }
    } catch {
      if let mine { throw mine }  // the cause, rather than what came of it
      throw error
    }
    if let first = everyones.first(where: { !$0.isEmpty }) { throw try decoded(RankFailure.self, from: first) }
    return try outcome.get()
  }

  /// The bytes that `body` gives on rank 0, the only one to run it; if it fails, all ranks throw its `RankFailure`.
  ///
  /// Collective: every rank calls it.
  /// - Parameter doing: the work, for the message: "reading the list of documents".
  package func bytesFromRoot(_ doing: String, _ body: () throws -> [UInt8]) throws -> [UInt8] {
    var message: [UInt8] = []
    if rank == 0 {
      let outcome = Result { try body() }
      let mine = try failure(in: outcome, doing: doing)
      message = try mine.map { [1] + (try encoded($0)) } ?? [0] + outcome.get()
    }
    message = try named(doing) { try broadcast(message, from: 0) }
    let content = Array(message.dropFirst())
    if message[0] == 1 { throw try decoded(RankFailure.self, from: content) }
    return content
  }

  /// What `body` gives on rank 0, the only one to run it, on every rank; if it fails, all ranks throw its `RankFailure`.
  ///
  /// Collective: every rank calls it.
  /// - Parameter doing: the work, for the message: "looking for checkpoints".
  package func onRoot<Value: Codable>(_ doing: String, _ body: () throws -> Value) throws -> Value {
    try decoded(Value.self, from: bytesFromRoot(doing) { try encoded(body()) })
  }

  /// Runs `body` on rank 0 alone; if it fails, all ranks throw its `RankFailure`.
  ///
  /// Collective: every rank calls it, and returns when the body has run.
  package func onRoot(_ doing: String, _ body: () throws -> Void) throws {
    _ = try bytesFromRoot(doing) {
      try body()
      return []
    }
  }

  /// Runs `body` with `doing` as the context of its collectives, unless the caller has said one.
  private func named<Value>(_ doing: String, _ body: () throws -> Value) rethrows -> Value {
    guard context.isEmpty else { return try body() }
    context = doing
    defer { context = "" }
    return try body()
  }

  /// The failure to tell the others of, if `outcome` is one.
  ///
  /// Throws at once if it is that the ranks cannot talk: nobody could be told.
  private func failure<Value>(in outcome: Result<Value, any Error>, doing: String) throws -> RankFailure? {
    switch outcome {
    case .success: nil
    case .failure(let shared as RankFailure): shared
    case .failure(let error as CommunicationError): throw error
    case .failure(let error): RankFailure(of: error, doing: doing, on: self)
    }
  }
}

/// JSON, where numbers keep every bit; infinities and NaN, which it lacks, become words.
private func encoded<Value: Encodable>(_ value: Value) throws -> [UInt8] {
  let encoder = JSONEncoder()
  encoder.nonConformingFloatEncodingStrategy = .convertToString(
    positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
  return Array(try encoder.encode(value))
}

private func decoded<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
  let decoder = JSONDecoder()
  decoder.nonConformingFloatDecodingStrategy = .convertFromString(
    positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
  return try decoder.decode(type, from: Data(bytes))
}
