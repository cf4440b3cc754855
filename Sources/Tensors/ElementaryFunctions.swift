internal import RealModule

// Branch-free, so that loops over them vectorise; the tests bound their error in ulps against glibc in double.

/// eˣ to 2 ulps for x in [−87, 88]; 0-like (≥ 1.1e-38) below, 2.4e38 above; NaN stays NaN.
@inline(__always)
func exponential(_ x: Float) -> Float {
  // Cody and Waite: x = n ln 2 + r, |r| ≤ ln 2 / 2, eʳ by a polynomial, 2ⁿ by the exponent's bits.
  let clamped = x < -87 ? -87 : (x > 88 ? 88 : x)
  let magic: Float = 12_582_912  // 1.5 · 2²³: adding it rounds to an integer held in the low bits
  let shifted = Float.addingProduct(magic, clamped, 1.442_695_04)
  let n = shifted - magic
  let r = Float.addingProduct(Float.addingProduct(clamped, n, -0.693_359_375), n, 2.121_944_4e-4)
  var p: Float = 1.987_569_15e-4
  p = Float.addingProduct(1.398_199_95e-3, p, r)
  p = Float.addingProduct(8.333_451_9e-3, p, r)
  p = Float.addingProduct(4.166_579_6e-2, p, r)
  p = Float.addingProduct(1.666_666_55e-1, p, r)
  p = Float.addingProduct(0.5, p, r)
  p = Float.addingProduct(r, p, r * r) + 1
  let power = Float(bitPattern: (shifted.bitPattern &<< 23) &+ 0x3f80_0000)
  return p * power
}

/// erf(x) by the rational function of Eigen's and XLA's float kernels (odd degree 13 over even degree 8 on [−4, 4]).
@inline(__always)
func errorFunction(_ x: Float) -> Float {
  let t = x < -4 ? -4 : (x > 4 ? 4 : x)
  let s = t * t
  var p: Float = -2.726_142_26e-10
  p = Float.addingProduct(2.770_681_42e-8, p, s)
  p = Float.addingProduct(-2.101_024_02e-6, p, s)
  p = Float.addingProduct(-5.692_506_4e-5, p, s)
  p = Float.addingProduct(-7.349_906_3e-4, p, s)
  p = Float.addingProduct(-2.954_599_8e-3, p, s)
  p = Float.addingProduct(-1.609_603_33e-2, p, s)
  var q: Float = -1.456_607_18e-5
  q = Float.addingProduct(-2.133_740_55e-4, q, s)
  q = Float.addingProduct(-1.682_826_97e-3, q, s)
  q = Float.addingProduct(-7.373_329_16e-3, q, s)
  q = Float.addingProduct(-1.426_473_90e-2, q, s)
  return t * p / q
}

extension Float {
  /// `sum + a · b`, rounded once.
  @inline(__always)
  static func addingProduct(_ sum: Float, _ a: Float, _ b: Float) -> Float { sum.addingProduct(a, b) }
}

/// eˣ in double precision, for the losses.
package func exponential(_ x: Double) -> Double { Double.exp(x) }

/// ln x in double precision, for the losses.
package func logarithm(_ x: Double) -> Double { Double.log(x) }
