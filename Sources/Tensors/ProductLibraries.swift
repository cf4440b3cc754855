internal import COpenBLAS

#if ONEDNN
  internal import COneDNN
#endif

/// The libraries behind ``multiply(_:transposed:adding:into:on:)``, as this process has loaded them.
package enum ProductLibraries {
  /// Version, and the processor whose kernels it has chosen: `0.3.21, Haswell kernels`.
  package static var openBLAS: String {
    // "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH …"
    let words = String(cString: openblas_get_config()).split(separator: " ")
    let version = words.count > 1 && words[0] == "OpenBLAS" ? String(words[1]) : "of unknown version"
    return "\(version), \(String(cString: openblas_get_corename())) kernels"
  }

  /// Version, and whether products go through it; nil if the program was built without it.
  package static var oneDNN: String? {
    #if ONEDNN
      return String(cString: conednn_version()) + (usesOneDNN ? "" : ", not used: no AVX-512 here")
    #else
      return nil
    #endif
  }
}
