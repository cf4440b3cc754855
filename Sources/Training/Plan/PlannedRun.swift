/// What one number of ranks would take. Bytes and seconds.
package struct PlannedRun: Codable, Sendable {
  package struct Memory: Codable, Sendable {
    package let program: Int
    package let parametersGradientsAndMoments: Int
    package let activations: Int
    package let vectorsAndScores: Int
    package let evaluation: Int
    package var total: Int {
      program + parametersGradientsAndMoments + activations + vectorsAndScores + evaluation
    }
  }

  package let ranks: Int
  /// Of all ranks.
  package let queries: Int
  /// Of the rank that needs most; mapped model files aside.
  package let memory: Memory
  package let fits: Bool
  package let mappedFiles: Int
  /// Linear layers, attention and MaxSim of a step, of all ranks; what is computed twice counts once.
  package let operations: Double
  /// What a rank sends in a step for each plan of `negatives.gather` (nothing if negatives are not the whole batch's), and for the sums of gradients.
  package let documentsPlanBytes: Double
  package let queriesPlanBytes: Double
  package let gradientBytes: Double
  /// Seconds of a step: a rank's own work as a mean, what the rank with most of it takes longer, what travels.
  package let computeSeconds: Double
  package let waitingSeconds: Double
  package let communicationSeconds: Double
  package let secondsPerStep: Double
  package let stepsPerEpoch: Int
  /// One checkpoint, all that are kept and the one being written, and the finished model.
  package let checkpointDisk: Int
  package let totalDisk: Int
  /// What would make it fit, with the memory that it would take then.
  package let advice: [Advice]

  package struct Advice: Codable, Sendable {
    package let settings: String
    package let memory: Int
  }

  package var queriesPerSecond: Double { Double(queries) / secondsPerStep }
  package var secondsPerEpoch: Double { secondsPerStep * Double(stepsPerEpoch) }
}
