package import Communication

/// Stands in for the run, the evaluation and the encoding until they land; replaced at the merge.
private struct NotBuilt: Error {}

package enum ResumePolicy: Equatable, Sendable {
  case auto, never
  case directory(String)
}

package enum RunOutcome: Sendable { case finished, stoppedBySignal }

package enum TextRole: String, CaseIterable, Sendable { case query, document }

package struct EvaluationResult: Sendable {
  package var mrrAt10, ndcgAt10, recallAt100, meanAveragePrecision, successAt5: Double
  package var queries, documents: Int
}

package struct FirstBatch: Sendable {
  package var loss: Double
  package var queries, documents: Int
}

package enum Run {
  package static func train(
    configuration: Configuration, resume: ResumePolicy, communicator: any Communicator, console: Console
  ) throws -> RunOutcome { throw NotBuilt() }
}

/// `configuration` gives lengths, style and dimension where the model's folder does not.
package func evaluate(
  model: String, collection: String, configuration: Configuration?, communicator: any Communicator, console: Console
) throws -> EvaluationResult { throw NotBuilt() }

package func encodeTexts(
  model: String, role: TextRole, input: String, output: String, maxLength: Int?, communicator: any Communicator,
  console: Console
) throws { throw NotBuilt() }

/// Calls `emit` on rank 0, once a text, in the order of the file.
package func tokenizeTexts(
  model: String, role: TextRole, input: String, maxLength: Int?, communicator: any Communicator,
  emit: ([Int]) throws -> Void
) throws { throw NotBuilt() }

package func firstBatchGradients(
  configuration: Configuration, output: String, communicator: any Communicator, console: Console
) throws -> FirstBatch { throw NotBuilt() }
