import Communication
import LateInteraction
import Tensors

/// The sums of a step's gradients over all ranks, each part's begun as soon as it is final on this rank: they cross the
/// network while the layers below are still pulled back.
///
/// - Source: Li et al., "PyTorch Distributed: Experiences on Accelerating Data Parallel Training", VLDB 2020, section 3.2.
final class GradientSums {
  private let parameters: Parameters
  private let work: BegunWork
  /// The parts that are not begun, in the order in which a backward is done with them: the same on every rank.
  private var parts: [ParameterPart]

  init(_ parameters: Parameters, _ communicator: any Communicator) {
    self.parameters = parameters
    work = BegunWork(communicator)
    parts = parameters.layout.trained.reversed().map(\.part).reduce(into: []) { parts, part in
      if parts.last != part { parts.append(part) }
    }
  }

  /// Begins the sum of a part to which this rank adds nothing more.
  func begin(_ part: ParameterPart) {
    precondition(parts.first == part, "\(part) is final, but the next is \(parts)")
    work.attempt { try beginNext() }
  }

  /// Gives what was begun a chance to go on.
  func advance() { work.advance() }

  /// Leaves the sums of all parts in the parameters' gradients. Collective: every rank calls it.
  func finish() throws {
    try work.finish { while !parts.isEmpty { try beginNext() } }
  }

  private func beginNext() throws {
    for gradients in parameters.storedGradients(of: parts.removeFirst()) {
      try work.communicator.beginSum(gradients)
    }
  }
}

extension Matrix: LastingFloats {}

extension Parameters {
  /// The gradients of a part's trained tensors, which lie side by side; of the word table only the rows that the batch
  /// touched, which are never more than the dense table's.
  fileprivate func storedGradients(of part: ParameterPart) -> [Matrix] {
    let ranges = layout.trained.filter { $0.part == part }.map { $0.range! }
    return storedGradients(ranges.first!.lowerBound..<ranges.last!.upperBound)
  }
}
