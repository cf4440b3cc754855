import Foundation
import TestSupport
import Testing

@testable import Training

/// What `model.path` and `--model` take: a folder, else the name of a model in the cache.
@Suite struct ModelPlaceTests {
  static let commit = HubTests.commit
  static let other = String(repeating: "0", count: 40)

  static func settings(_ folder: String) -> HubSettings { HubSettings(environment: ["HF_HOME": folder]) }

  static func cached(_ files: [String]) -> [String: String] {
    Dictionary(uniqueKeysWithValues: files.map { ("hub/models--a--b/\($0)", $0.hasPrefix("refs") ? commit : "{}") })
  }

  @Test(arguments: ["a/b", "a/b@main", "a/b@v1", "a/b@refs/pr/7", "a/b@\(commit)"])
  func findsANameInTheCache(text: String) throws {
    let files = ["refs/main", "refs/v1", "refs/refs/pr/7", "snapshots/\(Self.commit)/config.json"]
    try withFolder(Self.cached(files)) { folder in
      let place = try ModelPlace.find(text, settings: Self.settings(folder)).get()
      #expect(place.folder == "\(folder)/hub/models--a--b/snapshots/\(Self.commit)")
      #expect(place.name == "a/b@\(Self.commit)")
      // What a run's config.yaml has finds the same, whatever the branch has become.
      try Self.other.write(toFile: "\(folder)/hub/models--a--b/refs/main", atomically: true, encoding: .utf8)
      let again = try ModelPlace.find(place.name, settings: Self.settings(folder)).get()
      #expect(again == place)
    }
  }

  @Test func aPathThatIsThereGoesFirst() throws {
    let files = ["refs/main", "snapshots/\(Self.commit)/config.json"]
    try withFolder(Self.cached(files).merging(["model/config.json": "{}", "empty/x": ""]) { $1 }) { folder in
      func find(_ text: String) throws -> ModelPlace {
        try ModelPlace.find(text, settings: Self.settings(folder)).get()
      }
      let place = try find("\(folder)/model")
      #expect(place == ModelPlace(folder: "\(folder)/model", name: "\(folder)/model"))
      let error = #expect(throws: ModelProblem.self) { try find("\(folder)/empty") }
      #expect(error?.description == PathCheck.modelFolder("\(folder)/empty"))
      // Relative, it looks like a name; the folder of the tests is where Tests is.
      if FileManager.default.fileExists(atPath: "Tests/Fixtures") {
        let error = #expect(throws: ModelProblem.self) { try find("Tests/Fixtures") }
        #expect(error?.description.contains("Tests/Fixtures has no config.json") == true)
      }
    }
  }

  @Test func saysBothThatItTried() throws {
    try withFolder { folder in
      let here = FileManager.default.currentDirectoryPath
      let error = #expect(throws: ModelProblem.self) {
        try ModelPlace.find("a/b@v1", settings: Self.settings(folder)).get()
      }
      #expect(
        error?.description
          == "there is no folder a/b@v1 in \(here), and no model a/b@v1 in the Hugging Face cache \(folder)/hub; "
          + "name a folder that is there, or fetch the model: colbert download a/b@v1")
    }
  }

  @Test(arguments: [
    ["refs/main"], ["snapshots/\(commit)/config.json"], ["refs/main", "snapshots/\(other)/config.json"],
    ["refs/main", "snapshots/\(commit)/vocab.txt"],
  ])
  func takesNoHalfOfAModel(files: [String]) throws {
    try withFolder(Self.cached(files)) { folder in
      let error = #expect(throws: ModelProblem.self) {
        try ModelPlace.find("a/b", settings: Self.settings(folder)).get()
      }
      #expect(error?.description.contains("colbert download a/b") == true)
    }
  }

  @Test func takesNoReferenceThatLeadsAstray() throws {
    try withFolder(["hub/models--a--b/refs/main": "../../..", "config.json": "{}"]) { folder in
      let place = try? ModelPlace.find("a/b", settings: Self.settings(folder)).get()
      #expect(place == nil)
    }
  }
}
