internal import Glibc

/// This machine's name, as `hostname` prints it; asks no name server.
func localHostName() -> String {
  unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
    guard unsafe gethostname(buffer.baseAddress!, buffer.count - 1) == 0 else { return "unknown host" }
    unsafe buffer[buffer.count - 1] = 0
    return unsafe String(cString: buffer.baseAddress!)
  }
}
