import Foundation

/// The memory of this process as the system counts it, in bytes.
struct ProcessMemory {
  /// What is the process's own: buffers, heap, stacks.
  let anonymous: Int
  /// The most so far of all it has in memory: its own, mapped files, and what ranks share.
  let peak: Int
  /// Pages of the program, its libraries and mapped model files.
  let mapped: Int
  /// What ranks talk through.
  let shared: Int

  /// Zeros where the system does not tell.
  static func now() -> ProcessMemory {
    let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    func bytes(_ key: String) -> Int {
      let line = text.split(separator: "\n").first { $0.hasPrefix("\(key):") }
      return (line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0) * 1_024
    }
    return ProcessMemory(
      anonymous: bytes("RssAnon"), peak: bytes("VmHWM"), mapped: bytes("RssFile"), shared: bytes("RssShmem"))
  }

  /// The most that was the process's own so far, since the pages of files and shared memory only become more: nothing
  /// large is mapped for a while and let go.
  var anonymousPeak: Int { max(anonymous, peak - mapped - shared) }
}

/// What this machine has, or what the process's control group (cgroup 2) may use of it, in bytes; 0 if nobody tells.
func machineMemory() -> Int {
  let machine = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
  let total =
    machine.split(separator: "\n").first { $0.hasPrefix("MemTotal:") }?
    .split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
  let group = (try? String(contentsOfFile: "/sys/fs/cgroup/memory.max", encoding: .utf8)) ?? ""
  return min(total * 1_024, Int(group.trimmingCharacters(in: .whitespacesAndNewlines)) ?? .max)
}
