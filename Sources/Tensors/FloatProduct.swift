internal import COpenBLAS

#if ONEDNN
  internal import COneDNN
#endif

/// One factor of a product as it lies in memory: rows `stride` floats apart, read column by column if transposed.
struct Factor: BitwiseCopyable {
  let base: UnsafeMutablePointer<Float>
  let stride: Int
  var isTransposed = false
}

/// The threads are the pool's: OpenBLAS runs inside one block of it, and oneDNN's shim sees to the same.
func useOneBLASThread() { openblas_set_num_threads(1) }

/// `output = scale · left · right + kept · output`, `[rows × depth] · [depth × columns]`, on the calling thread.
///
/// By oneDNN where there is AVX-512, which an OpenBLAS older than the processor may not use; else by OpenBLAS. Either may sum up in
/// another order when a size changes: see ``rowInvariantProduct``.
func floatProduct(
  _ left: Factor, _ right: Factor, rows: Int, columns: Int, depth: Int, scale: Float = 1, kept: Float,
  into output: UnsafeMutablePointer<Float>, stride: Int
) {
  #if ONEDNN
    if usesOneDNN {
      let isDone = conednn_float_product(
        left.described, right.described, Int64(rows), Int64(columns), Int64(depth), scale, kept, output, Int64(stride))
      precondition(isDone, "oneDNN refused a product of [\(rows) × \(depth)] · [\(depth) × \(columns)]")
      return
    }
  #endif
  cblas_sgemm(
    CblasRowMajor, left.isTransposed ? CblasTrans : CblasNoTrans, right.isTransposed ? CblasTrans : CblasNoTrans,
    blasint(rows), blasint(columns), blasint(depth), scale, left.base, blasint(left.stride),
    right.base, blasint(right.stride), kept, output, blasint(stride))
}

#if ONEDNN
  let usesOneDNN = conednn_has_avx512()

  extension Factor {
    fileprivate var described: COneDNNFactor {
      COneDNNFactor(base: base, stride: Int64(stride), isTransposed: isTransposed)
    }
  }
#endif
