// swift-tools-version: 6.3
import Foundation
import PackageDescription

/// The optional libraries that `COLBERT_WITHOUT` names, `onednn,sentencepiece`: built as if they were not there.
let unwanted = Set((Context.environment["COLBERT_WITHOUT"] ?? "").split(separator: ",").map(String.init))

/// Where the compiler finds an optional library's header without being told; nil if it is not installed, or unwanted.
func folder(of header: String, library: String) -> String? {
  unwanted.contains(library)
    ? nil
    : ["/usr/include", "/usr/local/include"].first { FileManager.default.fileExists(atPath: "\($0)/\(header)") }
}

/// XLM-R's tokenizer needs it.
let sentencePiece = folder(of: "sentencepiece_processor.h", library: "sentencepiece")

/// What `colbert --version` says the build was made of: `COLBERT_COMMIT=$(git describe --always --dirty) swift build`.
///
/// The manifest does not ask git itself: SwiftPM keeps what it evaluated, and an old answer would be a wrong one.
let commit = (Context.environment["COLBERT_COMMIT"] ?? "").filter {
  $0.isASCII && ($0.isLetter || $0.isNumber || ".-".contains($0))
}

/// Matrix products with AVX-512. It has no pkg-config file.
let oneDNN = folder(of: "oneapi/dnnl/dnnl.h", library: "onednn")

/// What every Swift target is held to. CI sets `COLBERT_STRICT`: there, and only there, a warning is an error.
let house: [SwiftSetting] =
  [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
  ] + (Context.environment["COLBERT_STRICT"] == nil ? [] : [.treatAllWarnings(as: .error)])

/// Raw pointers are spelled `unsafe` everywhere but in Tensors, so they stay there.
let safe: [SwiftSetting] = house + [.strictMemorySafety(), .enableExperimentalFeature("Lifetimes")]

/// Optimised as a whole even in debug builds: what tests spend their time in, such as loading a tokenizer hundreds of times.
let optimized: [SwiftSetting] = [
  .unsafeFlags(["-O", "-wmo", "-disable-batch-mode", "-num-threads", "2"], .when(configuration: .debug))
]

/// Kernels are optimised, and vectorise `sqrt` (no `errno`).
///
/// `COLBERT_MARCH` names another processor level than AVX2's, for example `x86-64-v4` or `native`.
let kernels: [SwiftSetting] =
  house + [
    .enableExperimentalFeature("Lifetimes"),
    .unsafeFlags([
      "-Xcc", "-fno-math-errno", "-Xcc", "-march=\(Context.environment["COLBERT_MARCH"] ?? "x86-64-v3")",
    ]),
  ] + optimized

/// What of the optional libraries the code can count on.
let optional: [SwiftSetting] =
  (sentencePiece == nil ? [] : [.define("SENTENCEPIECE")]) + (oneDNN == nil ? [] : [.define("ONEDNN")])

/// A C++ shim of an optional library that was found in `folder`; none if it was not.
func shim(_ name: String, library: String, folder: String?) -> [Target] {
  guard let folder else { return [] }
  return [
    .target(
      name: name,
      cxxSettings: Context.environment["COLBERT_STRICT"] == nil ? [] : [.treatAllWarnings(as: .error)],
      linkerSettings: [.linkedLibrary(library)]
        + (folder == "/usr/local/include" ? [.unsafeFlags(["-L/usr/local/lib"])] : []))
  ]
}

let modules = ["Tensors", "Communication", "Tokenizers", "LateInteraction", "Datasets", "Checkpoints", "Training"]

let package = Package(
  name: "colbert",
  products: [.executable(name: "colbert", targets: ["colbert"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-numerics", from: "1.1.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
  ],
  targets: [
    // Leaves
    .systemLibrary(name: "CMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
    .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CLinux"),
    .target(name: "CBuild", cSettings: [.define("COLBERT_COMMIT", to: commit)]),
    .target(
      name: "Tensors",
      dependencies: ["CLinux", "COpenBLAS", .product(name: "RealModule", package: "swift-numerics")]
        + (oneDNN == nil ? [] : ["COneDNN"]),
      swiftSettings: kernels + optional),
    .target(name: "Communication", dependencies: ["CMPI"], swiftSettings: safe + optimized),
    .target(
      name: "Tokenizers", dependencies: sentencePiece == nil ? [] : ["CSentencePiece"],
      swiftSettings: safe + optional + optimized),

    // Domain
    .target(name: "LateInteraction", dependencies: ["Tensors"], swiftSettings: safe + optimized),
    .target(
      name: "Datasets", dependencies: ["Tensors", "Tokenizers", .product(name: "Crypto", package: "swift-crypto")],
      swiftSettings: safe),
    .target(
      name: "Checkpoints",
      dependencies: ["Communication", "Tensors", .product(name: "Crypto", package: "swift-crypto")],
      swiftSettings: safe),

    // Assembly
    .target(
      name: "Training",
      dependencies: [
        "CBuild", "Checkpoints", "Communication", "Datasets", "LateInteraction", "Tensors", "Tokenizers",
        .product(name: "Crypto", package: "swift-crypto"), .product(name: "Logging", package: "swift-log"),
      ],
      swiftSettings: safe),
    .executableTarget(
      name: "colbert",
      dependencies: [
        "Checkpoints", "Communication", "Datasets", "LateInteraction", "Tensors", "Tokenizers", "Training",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
        "Yams",
      ],
      swiftSettings: safe),

    // Tests
    .target(
      name: "TestSupport", dependencies: ["Checkpoints", "Communication", "Tensors"], path: "Tests/TestSupport",
      swiftSettings: house + optimized),
  ]
    + modules.map {
      .testTarget(
        name: "\($0)Tests", dependencies: [.byName(name: $0), "TestSupport"], swiftSettings: house + optional)
    }
    + [
      // Runs the built program, which the dependency builds.
      .testTarget(
        name: "CommandTests", dependencies: ["colbert", "Checkpoints", "Communication", "Training", "TestSupport"],
        swiftSettings: house + optional)
    ]
    + shim("COneDNN", library: "dnnl", folder: oneDNN)
    + shim("CSentencePiece", library: "sentencepiece", folder: sentencePiece),
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17
)
