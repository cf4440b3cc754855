internal import CLinux
internal import Glibc
internal import Synchronization

/// A rank's threads: they share out numbered blocks of work and are gone from sight.
///
/// Which thread runs a block never shows in a result: blocks are fixed by the caller and write disjoint memory.
/// One caller at a time, from the thread that made the pool.
package final class ThreadPool: @unchecked Sendable {
  package let threadCount: Int
  /// What the time of the thread that gives this pool its work goes into.
  package let clock = PartClock()
  /// What the thread that gives this pool its work does after each block that it has run itself: something short.
  package var betweenBlocks: (() -> Void)?

  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let done = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var workers: [pthread_t] = []
  /// What each worker has noted of its time; empty unless a trace was asked for.
  package private(set) var workerTraces: [TraceRecorder] = []
  /// The work at hand; guarded by `mutex`, as are the five below.
  private var work: ((Int) -> Void)?
  private var part = StepPart.other
  private var startedWorkers = 0
  private var round = 0
  private var running = 0
  private var stopping = false
  private let next = Atomic<Int>(0)
  private var blockCount = 0

  /// The processors that this process may use, as its affinity says: a rank takes as many threads.
  package static var availableProcessors: Int {
    var mask = [UInt64](repeating: 0, count: 128)
    let bytes = clinux_affinity(UInt(mask.count * 8), &mask)
    return bytes < 0 ? 1 : max(1, mask.reduce(0) { $0 + $1.nonzeroBitCount })
  }

  package init(threadCount: Int = ThreadPool.availableProcessors) {
    precondition(threadCount >= 1, "a pool of \(threadCount) threads")
    self.threadCount = threadCount
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(wake, nil)
    pthread_cond_init(done, nil)
    useOneBLASThread()
    for _ in 1..<threadCount {
      var thread = pthread_t()
      // Unretained: `deinit` joins the workers, so the pool outlives them.
      let status = pthread_create(
        &thread, nil,
        {
          Unmanaged<ThreadPool>.fromOpaque($0!).takeUnretainedValue().serve(); return nil
        },
        Unmanaged.passUnretained(self).toOpaque())
      precondition(status == 0, "pthread_create failed with \(status)")
      workers.append(thread)
    }
  }

  deinit {
    pthread_mutex_lock(mutex)
    stopping = true
    pthread_cond_broadcast(wake)
    pthread_mutex_unlock(mutex)
    for worker in workers { pthread_join(worker, nil) }
    pthread_cond_destroy(wake)
    pthread_cond_destroy(done)
    pthread_mutex_destroy(mutex)
    wake.deallocate()
    done.deallocate()
    mutex.deallocate()
  }

  /// Begins a trace: this thread's measured stretches, and when each worker was at work, `capacity` of each.
  package func startTrace(capacity: Int) {
    pthread_mutex_lock(mutex)
    clock.recorder = TraceRecorder(capacity: capacity)
    workerTraces = workers.map { _ in TraceRecorder(capacity: capacity) }
    pthread_mutex_unlock(mutex)
  }

  /// Runs `body` for every block `0..<count`, each once, on any thread, and returns when all are done.
  package func forEachBlock(_ count: Int, _ body: (Int) -> Void) {
    guard threadCount > 1, count > 1 else {
      for block in 0..<count {
        body(block)
        betweenBlocks?()
      }
      return
    }
    withoutActuallyEscaping(body) { body in
      pthread_mutex_lock(mutex)
      work = body
      part = clock.current
      blockCount = count
      next.store(0, ordering: .relaxed)
      running = workers.count
      round += 1
      pthread_cond_broadcast(wake)
      pthread_mutex_unlock(mutex)
      takeBlocks(body, count, then: betweenBlocks)
      pthread_mutex_lock(mutex)
      while running > 0 { pthread_cond_wait(done, mutex) }
      work = nil
      pthread_mutex_unlock(mutex)
    }
  }

  /// Runs `body` for consecutive ranges of at most `size` rows that cover `0..<rows`.
  package func forEachRange(of rows: Int, size: Int, _ body: (Range<Int>) -> Void) {
    forEachBlock((rows + size - 1) / size) { block in
      body(block * size..<min(rows, (block + 1) * size))
    }
  }

  private func takeBlocks(_ body: (Int) -> Void, _ count: Int, then between: (() -> Void)? = nil) {
    while true {
      let block = next.wrappingAdd(1, ordering: .relaxed).oldValue
      guard block < count else { return }
      body(block)
      between?()
    }
  }

  private func serve() {
    var seen = 0
    pthread_mutex_lock(mutex)
    let worker = startedWorkers
    startedWorkers += 1
    while true {
      while round == seen && !stopping { pthread_cond_wait(wake, mutex) }
      if stopping { break }
      seen = round
      let (body, count, part) = (work!, blockCount, part)
      let trace = workerTraces.isEmpty ? nil : workerTraces[worker]
      pthread_mutex_unlock(mutex)
      let start = trace == nil ? 0 : PartClock.now
      takeBlocks(body, count)
      trace?.add(TraceEvent(name: part.name, part: part, start: start, end: PartClock.now))
      pthread_mutex_lock(mutex)
      running -= 1
      if running == 0 { pthread_cond_signal(done) }
    }
    pthread_mutex_unlock(mutex)
  }
}
