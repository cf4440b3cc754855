internal import RealModule

// Branch-free, so that loops over them vectorise; the tests bound their error in ulps against glibc in double.

/// eˣ to 1 ulp for x in [−87, 88]; e⁻⁸⁷ = 1.6e-38 below, e⁸⁸ = 1.7e38 above; NaN stays NaN.
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

/// erf(x) to 1 ulp: a polynomial around 0, 1 − exp(polynomial) beyond; never outside [−1, 1]; NaN stays NaN.
///
/// - Source of the coefficients: Norbert Juffa's faithfully rounded `erff`, as MLX and PyTorch's Metal kernels use it.
@inline(__always)
func errorFunction(_ x: Float) -> Float {
  let s = x * x
  var near: Float = -5.967_617_03e-4
  near = Float.addingProduct(4.991_194_23e-3, near, s)
  near = Float.addingProduct(-2.676_813_49e-2, near, s)
  near = Float.addingProduct(1.128_199_25e-1, near, s)
  near = Float.addingProduct(-3.761_253_36e-1, near, s)
  near = Float.addingProduct(1.283_791_66e-1, near, s)
  near = Float.addingProduct(x, near, x)

  // Beyond 4 erf is 1 in single precision; the polynomial only holds so far.
  let magnitude = Float(bitPattern: x.bitPattern & 0x7fff_ffff)
  let t = magnitude > 4 ? 4 : magnitude
  let square = t * t
  var r = Float.addingProduct(3.831_971_26e-4, -1.728_534_70e-5, t)
  r = Float.addingProduct(Float.addingProduct(2.425_462_19e-2, -3.883_964_38e-3, t), r, square)
  r = Float.addingProduct(-1.067_778_77e-1, r, t)
  r = Float.addingProduct(-6.348_466_87e-1, r, t)
  r = Float.addingProduct(-1.287_175_12e-1, r, t)
  r = Float.addingProduct(-t, r, t)
  let far = 1 - exponential(r)
  let signed = Float(bitPattern: far.bitPattern | (x.bitPattern & 0x8000_0000))
  return magnitude > 0.927_734_375 ? signed : near
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
