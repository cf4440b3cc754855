import Communication
import Datasets
import LateInteraction
import Tensors

extension TrainingRun {
  /// Stops the run before an update that would spoil the parameters. Collective: all ranks hold the same two numbers.
  func checkFinite(loss: Double, _ losses: [QueryLoss], of batch: RankBatch, _ norm: Double) throws {
    guard !loss.isFinite || !norm.isFinite else { return }
    let plan = setup.builder.plan(step)
    let bad = zip(batch.slots, losses).filter { !$0.1.value.isFinite }.map { plan.slots[$0.0].row }
    let all = try communicator.allGather(bad).flatMap { $0 }
    try communicator.together("step \(step + 1)") {
      throw NonFiniteError.beforeUpdate(
        loss.isFinite ? "gradient" : "loss", rows: (all.isEmpty ? plan.slots.map(\.row) : all).map(setup.data.location))
    }
  }

  /// Stops the run if the last update, of which no loss has shown yet what it did, has spoilt the parameters. Collective:
  /// every rank calls it.
  func checkParameters() throws {
    try communicator.together("step \(step)") {
      guard squaredNorm(parameters.allValues, on: setup.model.model.pool).isFinite else {
        throw NonFiniteError.updatedParameters
      }
    }
  }
}
