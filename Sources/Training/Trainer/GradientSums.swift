import Communication
import LateInteraction
import Tensors

/// The sums of a step's gradients over all ranks, each part's begun as soon as it is final on this rank: they cross the
/// network while the layers below are still pulled back.
///
/// - Source: Li et al., "PyTorch Distributed: Experiences on Accelerating Data Parallel Training", VLDB 2020, section 3.2.
final class GradientSums {
  private let parameters: Parameters
  private let communicator: any Communicator
  /// The parts that are not begun, in the order in which a backward is done with them: the same on every rank.
  private var parts: [ParameterPart]
  private var failure: (any Error)?
  private var lastPoll = PartClock.now

  init(_ parameters: Parameters, _ communicator: any Communicator) {
    self.parameters = parameters
    self.communicator = communicator
    parts = parameters.layout.trained.reversed().map(\.part).reduce(into: []) { parts, part in
      if parts.last != part { parts.append(part) }
    }
  }

  /// Begins the sum of a part to which this rank adds nothing more. Errors are kept for `finish`: a backward has no use for
  /// them.
  func begin(_ part: ParameterPart) {
    precondition(parts.first == part, "\(part) is final, but the next is \(parts)")
    attempt { try beginNext() }
  }

  /// Gives what was begun a chance to go on, if the last is a while ago.
  func advance() {
    let now = PartClock.now
    guard now - lastPoll > 100_000 else { return }
    attempt { try communicator.advanceSums() }
    lastPoll = PartClock.now
  }

  /// Leaves the sums of all parts in the parameters' gradients. Collective: every rank calls it.
  func finish() throws {
    if let failure { throw failure }
    while !parts.isEmpty { try beginNext() }
    try communicator.finishSums()
  }

  private func beginNext() throws {
    for gradients in parameters.storedGradients(of: parts.removeFirst()) { try communicator.beginSum(gradients) }
  }

  private func attempt(_ body: () throws -> Void) {
    guard failure == nil else { return }
    do { try body() } catch { failure = error }
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
