/// What MPI reads and writes during a collective: counts, announcements and what arrives to be summed.
///
/// It keeps its place in memory from one collective to the next, and outlives one that is given up.
@safe final class MPIBuffers {
  /// `[rankCount]` each, in units of the type that is sent.
  let sendCounts: UnsafeMutablePointer<Int32>
  let sendStarts: UnsafeMutablePointer<Int32>
  let receiveCounts: UnsafeMutablePointer<Int32>
  let receiveStarts: UnsafeMutablePointer<Int32>
  /// `[Announcement.wordCount]` and `[rankCount × Announcement.wordCount]`.
  let announcement: UnsafeMutablePointer<Int64>
  let announcements: UnsafeMutablePointer<Int64>
  private var scratch: UnsafeMutableBufferPointer<Float>

  init(rankCount: Int) {
    unsafe sendCounts = .allocate(capacity: rankCount)
    unsafe sendStarts = .allocate(capacity: rankCount)
    unsafe receiveCounts = .allocate(capacity: rankCount)
    unsafe receiveStarts = .allocate(capacity: rankCount)
    unsafe announcement = .allocate(capacity: Announcement.wordCount)
    unsafe announcements = .allocate(capacity: rankCount * Announcement.wordCount)
    unsafe scratch = .allocate(capacity: 0)
  }

  deinit {
    unsafe sendCounts.deallocate()
    unsafe sendStarts.deallocate()
    unsafe receiveCounts.deallocate()
    unsafe receiveStarts.deallocate()
    unsafe announcement.deallocate()
    unsafe announcements.deallocate()
    unsafe scratch.deallocate()
  }

  /// Room for `count` floats: grows to the most ever asked for, then stays.
  @unsafe func scratch(_ count: Int) -> UnsafeMutablePointer<Float> {
    if unsafe count > scratch.count {
      unsafe scratch.deallocate()
      unsafe scratch = .allocate(capacity: count)
    }
    return unsafe scratch.baseAddress!
  }
}
