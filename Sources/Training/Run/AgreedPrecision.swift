import Communication
import Foundation
import Logging
import Tensors

extension Communicator {
  /// What all ranks compute linear layers' products in: as asked, or float32 where a rank can do no other, which the console
  /// is told. Collective: every rank calls it.
  ///
  /// Some ranks in float32 and some in bfloat16 would make the result depend on the cut.
  func agreedPrecision(_ asked: Configuration.Precision, console: Console) throws -> ProductPrecision {
    guard asked == .bfloat16 else { return .float32 }
    if let obstacle = try obstacleToBFloat16() {
      console.logger.warning("bfloat16 products are asked for, and float32 ones computed: \(obstacle)")
      return .float32
    }
    if !BFloat16Products.areNative {
      console.logger.warning(
        "\(bfloat16Emulation): bfloat16 products are emulated, several times slower than float32 ones; for tests")
    }
    return .bfloat16
  }

  /// Why not all ranks can multiply in bfloat16, as the first that cannot says it; nil: all can. Collective: every rank calls it.
  func obstacleToBFloat16() throws -> String? {
    let own = Training.obstacleToBFloat16().map { "on \(hostName) \($0)" } ?? ""
    let all = try allGather(bytes: Array(own.utf8)).map { String(decoding: $0, as: UTF8.self) }
    return all.first { !$0.isEmpty }
  }
}

/// Set to 1 it lets a processor with AVX-512 and no bfloat16 instructions compute them nevertheless.
private let bfloat16Emulation = "COLBERT_EMULATE_BFLOAT16"

/// Why this process cannot multiply in bfloat16; nil: it can.
private func obstacleToBFloat16() -> String? {
  if let obstacle = BFloat16Products.obstacle { return obstacle }
  let emulates = ProcessInfo.processInfo.environment[bfloat16Emulation] == "1"
  return BFloat16Products.areNative || emulates
    ? nil : "the processor has no bfloat16 instructions (avx512_bf16 or amx_bf16)"
}
