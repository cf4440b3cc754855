import Foundation
import TestSupport
import Testing

@testable import Training

@Suite struct HubTests {
  static let bgeM3 = HubModel("BAAI/bge-m3")!
  static let commit = "5617a9f61b028005a4858fdac845db406aefb181"
  static let settings = HubSettings(environment: ["HOME": "/home/me"])

  // MARK: Names

  @Test(arguments: [
    ("BAAI/bge-m3", "BAAI/bge-m3", "main"), ("a/b.c_d-1@v1.0", "a/b.c_d-1", "v1.0"),
    ("a/b@refs/pr/7", "a/b", "refs/pr/7"),
    ("a/b@main", "a/b", "main"),
  ])
  func readsNames(text: String, name: String, revision: String) throws {
    let model = try #require(HubModel(text))
    #expect(model.name == name && model.revision == revision)
    #expect(HubModel(model.description) == model)
  }

  @Test(arguments: [
    "bge-m3", "", "/", "a/", "/b", "a/b/c", "a b/c", "a/..", "../b", "./b", "a/b--c", "-a/b", "a/b.", "a/ü", "a/b@",
    "a/b@../c", "a/b@-x", "a/b@x y", "a/b@/x", "a/" + String(repeating: "b", count: 95),
  ])
  func refusesWhatIsNoName(text: String) { #expect(HubModel(text) == nil) }

  // MARK: Environment and addresses

  @Test func findsCacheAndTokenAsPythonDoes() throws {
    #expect(Self.settings.cache.path == "/home/me/.cache/huggingface/hub")
    #expect(Self.settings.endpoint == "https://huggingface.co" && !Self.settings.isOffline)
    let home = HubSettings(environment: [
      "HOME": "/h", "HF_HOME": "~/hf", "HF_ENDPOINT": "http://mirror/", "HF_TOKEN": "",
    ])
    #expect(home.cache.path == "/h/hf/hub" && home.endpoint == "http://mirror")
    #expect(HubSettings(environment: ["HOME": "/h", "XDG_CACHE_HOME": "/x"]).cache.path == "/x/huggingface/hub")
    #expect(
      HubSettings(environment: ["HF_HOME": "/a", "HF_HUB_CACHE": "/b", "HF_HUB_OFFLINE": "yes"]).cache.path == "/b")
    #expect(HubSettings(environment: ["HF_HUB_OFFLINE": "yes"]).isOffline)
    try withFolder(["token": "hf_file\n"]) { folder in
      func token(_ variables: [String: String]) throws -> String? { try HubSettings(environment: variables).token() }
      let tokens = [
        try token(["HF_HOME": folder]), try token(["HF_HOME": folder, "HF_TOKEN": " hf_own\n"]),
        try token(["HF_HOME": "\(folder)/none"]),
      ]
      #expect(tokens == ["hf_file", "hf_own", nil])
    }
  }

  @Test func refusesATokenThatWouldBreakAHeader() {
    let error = #expect(throws: UsageError.self) {
      try HubSettings(environment: ["HF_TOKEN": "hf_a\nX-Other: b"]).token()
    }
    #expect(error?.description.contains("hf_a") == false)
  }

  @Test func writesAddresses() {
    #expect(
      Self.settings.listingURL(HubModel("a/b@refs/pr/7")!)
        == "https://huggingface.co/api/models/a/b/revision/refs%2Fpr%2F7?blobs=true")
    #expect(
      Self.settings.fileURL(Self.bgeM3, commit: Self.commit, file: "1_Dense/ä b?.json")
        == "https://huggingface.co/BAAI/bge-m3/resolve/\(Self.commit)/1_Dense/%C3%A4%20b%3F.json")
    #expect(HubSettings(environment: ["HF_ENDPOINT": "huggingface.co"]).endpointProblem != nil)
    #expect(Self.settings.endpointProblem == nil)
  }

  @Test(arguments: [
    ("https://huggingface.co/a", true), ("HTTPS://HuggingFace.co?x", true), ("http://huggingface.co/a", false),
    ("https://huggingface.co:444/a", false), ("https://huggingface.co.evil.org/a", false),
    ("https://huggingface.co@evil.org/a", false), ("https://evil.org/https://huggingface.co", false),
  ])
  func knowsWhomATokenMayBeShown(url: String, isHub: Bool) {
    #expect((origin(of: url) == origin(of: "https://huggingface.co")) == isHub)
  }

  // MARK: The list of files

  static let hash = String(repeating: "a", count: 40)
  static let largeHash = String(repeating: "b", count: 64)

  static func listing(sha: String = commit, _ files: String) throws -> HubListing {
    try HubListing(Array(#"{"sha": "\#(sha)", "siblings": [\#(files)]}"#.utf8), from: "URL")
  }

  @Test func readsAListing() throws {
    let listing = try Self.listing(
      #"{"rfilename": "config.json", "size": 3, "blobId": "\#(Self.hash)"}, "#
        + #"{"rfilename": "1/m.bin", "size": 9, "blobId": "\#(Self.hash)", "lfs": {"sha256": "\#(Self.largeHash)", "size": 9}}"#
    )
    #expect(
      listing.files == [
        HubFile(path: "config.json", bytes: 3, hash: .gitSHA1(Self.hash)),
        HubFile(path: "1/m.bin", bytes: 9, hash: .sha256(Self.largeHash)),
      ])
    #expect(listing.files[1].folder == "1" && listing.files[1].name == "m.bin" && listing.files[0].folder == "")
  }

  @Test(arguments: [
    #"{"rfilename": "../x", "size": 3, "blobId": "\#(hash)"}"#,
    #"{"rfilename": "/x", "size": 3, "blobId": "\#(hash)"}"#,
    #"{"rfilename": "a//x", "size": 3, "blobId": "\#(hash)"}"#,
    #"{"rfilename": "x", "size": -1, "blobId": "\#(hash)"}"#,
    #"{"rfilename": "x", "size": 3, "blobId": "../../../../../../../../../../../../../x"}"#, #"{"rfilename": "x"}"#,
    #"{"rfilename": "x", "lfs": {"sha256": "\#(hash)", "size": 3}}"#, #"{"size": 3}"#, "7",
  ])
  func refusesListingsThatCouldLeadAstray(file: String) {
    let error = #expect(throws: HubError.self) { try Self.listing(file) }
    #expect(error?.description.contains("URL answers in another way than the Hugging Face Hub") == true)
  }

  @Test func refusesACommitThatIsNone() {
    #expect(throws: HubError.self) { try Self.listing(sha: "../../x", "") }
    #expect(throws: HubError.self) { try HubListing(Array("<html>".utf8), from: "URL") }
  }

  // MARK: Selection

  static func files(_ names: String...) -> [HubFile] {
    names.enumerated().map { HubFile(path: $1, bytes: $0, hash: .gitSHA1(hash)) }
  }

  static func chosen(_ files: [HubFile], modules: [String] = [], _ selection: FileSelection = .init()) -> Set<String> {
    Set(selection.chosen(of: files, modules: modules).map(\.path))
  }

  @Test func choosesWhatAColBERTNeedsOfBGEM3() {
    let needed = [
      "README.md", "colbert_linear.pt", "config.json", "config_sentence_transformers.json", "modules.json",
      "pytorch_model.bin", "sentence_bert_config.json", "sentencepiece.bpe.model", "sparse_linear.pt",
      "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "1_Pooling/config.json",
    ]
    let others = Self.files(
      ".gitattributes", "long.jpg", "imgs/mkqa.jpg", "onnx/model.onnx", "onnx/model.onnx_data", "onnx/config.json",
      "onnx/sentencepiece.bpe.model")
    let files = needed.map { HubFile(path: $0, bytes: 1, hash: .gitSHA1(Self.hash)) } + others
    #expect(Self.chosen(files, modules: ["1_Pooling"]) == Set(needed))
    #expect(Self.chosen(files, modules: ["1_Pooling"], FileSelection(isAll: true)).count == files.count)
    #expect(
      Self.chosen(files, modules: ["1_Pooling"], FileSelection(patterns: ["onnx/*"])).subtracting(needed)
        == ["onnx/model.onnx", "onnx/model.onnx_data", "onnx/config.json", "onnx/sentencepiece.bpe.model"])
    #expect(FileSelection(patterns: ["onnx/*", "*.gguf"]).unused(files) == ["*.gguf"])
  }

  @Test func takesWeightsOnce() {
    let both = Self.files(
      "model.safetensors", "pytorch_model.bin", "1_Dense/pytorch_model.bin", "tf_model.h5", "2/model.safetensors")
    #expect(Self.chosen(both, modules: ["1_Dense"]) == ["model.safetensors", "1_Dense/pytorch_model.bin"])
    let parts = Self.files(
      "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json",
      "pytorch_model-00001-of-00001.bin", "pytorch_model.bin.index.json")
    #expect(Self.chosen(parts) == Set(parts.prefix(3).map(\.path)))
    #expect(FileSelection.hasParts(parts) && !FileSelection.hasParts(both))
    #expect(FileSelection().chosen(of: both.reversed(), modules: []).map(\.bytes) == [0])
  }

  // MARK: Progress

  @Test(arguments: [
    (90, "1/3 1_Dense/model.safetensors ▕████████████████▌     ▏ 1.5 MB of 2 MB  500 kB/s  1 s left"),
    (70, "1/3 1_Dense/model.safetensors  1.5 MB of 2 MB  500 kB/s  1 s left"),
    (50, "1/3 1_Dense/model.safetensors  1.5 MB of 2 MB"), (5, "1/3 1"), (0, ""),
  ])
  func fitsTheProgressIntoTheTerminal(columns: Int, line: String) {
    let progress = DownloadProgress(.silent(), files: 3, bytes: 2_000_000)
    progress.begin(HubFile(path: "1_Dense/model.safetensors", bytes: 2_000_000, hash: .gitSHA1(Self.hash)))
    // What an earlier attempt left is no speed of this one's.
    progress.came(500_000)
    progress.came(1_500_000)
    #expect(progress.line(columns: columns, seconds: 2) == line)
  }
}
