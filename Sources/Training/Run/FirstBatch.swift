import Datasets
import Logging
import Checkpoints
package import Communication
import LateInteraction
import Tensors

/// What `gradients` prints of the first batch.
package struct FirstBatch: Sendable {
  package let loss: Double
  package let queries: Int
  package let documents: Int
}

/// Writes the gradient of every trained tensor at step 0, before clipping, on rank 0. Collective: every rank calls it.
package func firstBatchGradients(
  configuration: Configuration, output: String, communicator: any Communicator, console: Console
) throws -> FirstBatch {
  let setup = try TrainingSetup(configuration, communicator: communicator, console: console, on: ThreadPool.forRank())
  for notice in setup.model.notices { console.logger.info("\(notice)") }
  if let warning = setup.scopeWarning { console.logger.warning("\(warning)") }
  let read = try communicator.together("reading the first batch") { try setup.builder.read(0) }
  let batch = try setup.builder.deal(read, communicator)
  let own = try setup.trainer.gradients(of: batch, step: 0)
  let loss = try communicator.allReduceSum([own.reduce(0) { $0 + $1.value }])[0]
  let parameters = setup.model.model.parameters
  try communicator.onRoot("writing the gradients") { () -> Void in
    let arena = Arena()
    try withExtendedLifetime(arena) {
      let tensors = parameters.layout.trained.map {
        TensorToWrite($0.name, shape: $0.shape, .floats(parameters.gradient($0.name, in: arena)!))
      }
      _ = try writeSafetensors(output, tensors: tensors)
    }
  }
  return FirstBatch(loss: loss, queries: batch.globalQueryCount, documents: batch.globalDocumentCount)
}
