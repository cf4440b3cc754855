internal import CBuild
import Communication
import Foundation
import Tensors
import Tokenizers

/// This program, its libraries and the machine it is on: what a person who compares two runs, or looks for a fault, asks.
package struct ProgramReport: Codable, Equatable, Sendable {
  package static let version = "0.1.0"

  /// `0.1.0`
  package let version: String
  /// `release` or `debug`.
  package let build: String
  /// What the build was made of; nil if it was not told.
  package let commit: String?
  package let mpi: String
  package let openBLAS: String
  /// nil: not built in.
  package let oneDNN: String?
  /// The file it was loaded from, for it does not know its version; nil: not built in.
  package let sentencePiece: String?
  package let machine: Machine

  package init() {
    version = Self.version
    #if DEBUG
      build = "debug"
    #else
      build = "release"
    #endif
    let told = unsafe String(cString: cbuild_commit())
    commit = told.isEmpty ? nil : told
    mpi = MPIWorld.libraryVersion
    openBLAS = ProductLibraries.openBLAS
    oneDNN = ProductLibraries.oneDNN
    sentencePiece = sentencePieceIsBuiltIn ? Self.loadedFile("libsentencepiece") ?? "file unknown" : nil
    machine = Machine()
  }

  private enum CodingKeys: String, CodingKey {
    case version, build, commit, mpi, machine
    case openBLAS = "openblas"
    case oneDNN = "onednn"
    case sentencePiece = "sentencepiece"
  }

  /// The file of a shared library that this process has mapped.
  private static func loadedFile(_ library: String) -> String? {
    guard let maps = FileHandle(forReadingAtPath: "/proc/self/maps") else { return nil }
    // The system gives a page at a time, at which Foundation's whole-file calls stop.
    var bytes = Data()
    while let part = try? maps.read(upToCount: 1 << 16), !part.isEmpty { bytes += part }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").lazy
      .compactMap { line in line.firstIndex(of: "/").map { String(line[$0...]) } }
      .first { $0.contains("/\(library)") }
  }
}

/// A machine as its system describes it.
package struct Machine: Codable, Equatable, Sendable {
  package let host: String
  package let system: String
  /// The processor's name.
  package let processor: String
  /// Those that this process may use, and all.
  package let availableProcessors: Int
  package let processors: Int
  /// What of the processor's instructions matters here: `AVX2`, `AVX-512`, ….
  package let features: [String]
  package let memoryBytes: Int

  package init() {
    let description = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    func value(_ key: String) -> String? {
      let line = description.split(separator: "\n").first { $0.hasPrefix(key) }
      return line?.split(separator: ":", maxSplits: 1).last?.trimmingCharacters(in: .whitespaces)
    }
    let flags = Set((value("flags") ?? value("Features") ?? "").split(separator: " ").map(String.init))
    host = ProcessInfo.processInfo.hostName
    system = ProcessInfo.processInfo.operatingSystemVersionString
    processor = value("model name") ?? "unknown processor"
    availableProcessors = ThreadPool.availableProcessors
    processors = ProcessInfo.processInfo.processorCount
    features = Self.features.filter { flags.contains($0.flag) }.map(\.name)
    memoryBytes = Int(ProcessInfo.processInfo.physicalMemory)
  }

  private static let features: [(flag: String, name: String)] = [
    ("avx2", "AVX2"), ("fma", "FMA"), ("avx512f", "AVX-512"), ("avx512_bf16", "AVX-512 BF16"),
    ("amx_bf16", "AMX BF16"), ("asimd", "NEON"), ("sve", "SVE"), ("bf16", "BF16"),
  ]

  private enum CodingKeys: String, CodingKey {
    case host, system, processor, processors, features
    case availableProcessors = "available_processors"
    case memoryBytes = "memory_bytes"
  }
}
