#if ONEDNN
  internal import COneDNN
#endif

/// One bfloat16 factor of a product as it lies in memory: see ``Factor``.
struct BFloat16Factor: BitwiseCopyable {
  let base: UnsafeMutablePointer<UInt16>
  let stride: Int
  let isTransposed: Bool
}

/// `output = left · right`, or `+=`, `[rows × depth] · [depth × columns]`, on the calling thread: bfloat16 operands, float32 sums.
func bfloat16Product(
  _ left: BFloat16Factor, _ right: BFloat16Factor, rows: Int, columns: Int, depth: Int, adding: Bool,
  into output: UnsafeMutablePointer<Float>
) {
  #if ONEDNN
    let isDone = conednn_bfloat16_product(
      left.described, right.described, Int64(rows), Int64(columns), Int64(depth), adding, output)
    precondition(isDone, "oneDNN refused a bfloat16 product of [\(rows) × \(depth)] · [\(depth) × \(columns)]")
  #else
    preconditionFailure("a bfloat16 product without oneDNN: BFloat16Products.obstacle was not asked")
  #endif
}

#if ONEDNN
  let oneDNNHasBFloat16 = conednn_has_bfloat16()
  let oneDNNCanEmulateBFloat16 = usesOneDNN

  extension BFloat16Factor {
    fileprivate var described: COneDNNBFloat16Factor {
      COneDNNBFloat16Factor(base: base, stride: Int64(stride), isTransposed: isTransposed)
    }
  }
#else
  let oneDNNHasBFloat16 = false
  let oneDNNCanEmulateBFloat16 = false
#endif
