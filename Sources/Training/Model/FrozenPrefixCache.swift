import Checkpoints
import Crypto
import Foundation
import LateInteraction
import Tensors

/// The hidden states at the border of frozen and trained layers, kept on disk.
///
/// In float32 the result of a run is the same bits with and without it. In bfloat16 the states are rounded, also those
/// that were computed just now, so that the result does not depend on what was there before.
final class FrozenPrefixCache: FrozenPrefixStates {
  let store: HiddenStateStore
  private let rounds: Bool
  private let pool: ThreadPool

  /// - Parameters:
  ///   - cache: the folder of all models' states.
  ///   - digests: of the files that the encoder is loaded from.
  ///   - notice: gets what went wrong without stopping anything.
  init(
    _ cache: String, _ precision: Configuration.Cache.Precision, _ loaded: LoadedModel, digests: [String], rank: Int,
    notice: @escaping (String) -> Void
  ) throws {
    let encoder = loaded.model.encoder
    let format = HiddenStateFormat(
      identity: Self.identity(encoder, digests, precision), width: encoder.configuration.width,
      elementBytes: precision == .float32 ? 4 : 2)
    let about = """
      hidden states after \(encoder.frozenLayerCount) of \(encoder.configuration.layerCount) layers of \
      \(loaded.folder.path), \(precision.rawValue), from \(encoder.precision.rawValue) products

      """
    store = try HiddenStateStore(
      folder: "\(cache)/\(HiddenStateFolder.name(format))", format: format, about: about, rank: rank, notice: notice)
    rounds = precision == .bfloat16
    pool = loaded.model.pool
  }

  /// What distinguishes states: the encoder's files, the border, and what this program on this processor makes of some
  /// tokens, which another kernel or another library would round differently.
  private static func identity(
    _ encoder: Encoder, _ digests: [String], _ precision: Configuration.Cache.Precision
  ) -> [UInt8] {
    var probe = TokenBatch()
    for (text, length) in [3, min(40, encoder.configuration.longestText)].enumerated() {
      let ids = (0..<length).map { Int32(($0 * 7_919 + text) % encoder.configuration.vocabularySize) }
      probe.append(
        ids, keyCount: length, givesVector: [Bool](repeating: false, count: length),
        place: Place(slot: text, text: 0))
    }
    var hasher = SHA256()
    // Before there were bfloat16 products there was no word for float32 ones: what is kept from then is still good.
    let products = encoder.precision == .float32 ? [] : ["\(encoder.precision.rawValue) products"]
    let words = digests + ["\(encoder.frozenLayerCount)", precision.rawValue] + products
    hasher.update(data: Data(words.joined(separator: "\n").utf8))
    unsafe encoder.frozenStateValues(of: probe).withUnsafeBytes { unsafe hasher.update(bufferPointer: $0) }
    return Array(hasher.finalize())
  }

  func read(_ batch: TokenBatch, into hidden: Matrix) -> [Int] {
    let keys = keys(batch)
    func unknown(of texts: [Int]) -> [Int] { texts.filter { !read($0, keys[$0], batch, into: hidden) } }
    let first = unknown(of: Array(keys.indices))
    guard !first.isEmpty else { return [] }
    // Other ranks may know them by now. A folder that cannot be read is no reason to stop: they are computed.
    try? store.refresh()
    return unknown(of: first)
  }

  func keep(_ hidden: Matrix, of batch: TokenBatch) {
    if rounds { roundToBFloat16(hidden, on: pool) }
    for (text, key) in keys(batch).enumerated() {
      let range = batch.starts[text]..<batch.starts[text + 1]
      if rounds {
        unsafe store.keep(key, tokens: range.count, upperHalves(of: hidden.rows(range)).span.bytes)
      } else {
        hidden.rows(range).withSpan { unsafe store.keep(key, tokens: range.count, $0.bytes) }
      }
    }
  }

  private func read(_ text: Int, _ key: HiddenStateKey, _ batch: TokenBatch, into hidden: Matrix) -> Bool {
    let range = batch.starts[text]..<batch.starts[text + 1]
    let rows = hidden.rows(range)
    guard rounds else {
      return rows.withMutableSpan {
        var bytes = unsafe $0.mutableBytes
        return store.read(key, tokens: range.count, into: &bytes)
      }
    }
    var halves = [UInt16](repeating: 0, count: rows.count)
    var span = halves.mutableSpan
    var bytes = unsafe span.mutableBytes
    guard store.read(key, tokens: range.count, into: &bytes) else { return false }
    assign(upperHalves: halves, to: rows)
    return true
  }

  private func keys(_ batch: TokenBatch) -> [HiddenStateKey] {
    (0..<batch.textCount).map {
      HiddenStateKey(ids: batch.ids[batch.starts[$0]..<batch.starts[$0 + 1]], keyCount: batch.keyCounts[$0])
    }
  }
}
