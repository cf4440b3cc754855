import Foundation
import TestSupport
import Testing

@testable import Training

@Suite struct ConfigurationPathsTests {
  static let collection = ["corpus.jsonl": "", "queries.jsonl": "", "qrels/test.tsv": ""]

  @Test func takesWhatIsThere() throws {
    let files = Self.collection.merging(["model/config.json": "{}", "train.jsonl": ""]) { $1 }
    try withFolder(files) { folder in
      let read = try configuration(
        (3, "model.path", .string("\(folder)/model")), (4, "data.train", list(.string("\(folder)/train.jsonl"))),
        (5, "evaluation.data", .string(folder)), checking: [.model, .trainingData, .evaluationData])
      #expect(read.evaluation.data == folder)
    }
  }

  @Test func looksOnlyForWhatIsRead() throws {
    #expect(throws: Never.self) { try configuration() }
    #expect(throws: ConfigurationError.self) { try configuration(checking: .model) }
  }

  @Test func namesKeyPathAndRemedy() throws {
    try withFolder(["file": "", "model/other": "", "beir/corpus.jsonl": ""]) { folder in
      let found = problems {
        try configuration(
          (3, "model.path", .string("\(folder)/model")),
          (4, "data.train", list(.string("\(folder)/file"), .string("\(folder)/gone"), .string(folder))),
          (5, "evaluation.data", .string("\(folder)/beir")), checking: [.model, .trainingData, .evaluationData])
      }
      #expect(
        found == [
          "CONFIG.yaml:3: model.path: \(folder)/model has no config.json; name the folder of a Hugging Face model",
          "CONFIG.yaml:3: data.train: there is no file \(folder)/gone; make it or name another",
          "CONFIG.yaml:3: data.train: \(folder) is a folder; name a file in it",
          "CONFIG.yaml:5: evaluation.data: \(folder)/beir has no queries.jsonl, no qrels/test.tsv; "
            + "name the folder of a collection in BEIR's or FlagEmbedding's layout",
        ])
    }
  }

  @Test func looksForTheCorpusOfRandomNegatives() throws {
    try withFolder(["beir/corpus.jsonl": "", "other/x": ""]) { folder in
      func found(_ corpus: String, _ paths: ConfigurationPaths = .negativesCorpus) -> [String] {
        problems {
          try configuration((3, "negatives.random", .int(1)), (4, "negatives.corpus", .string(corpus)), checking: paths)
        }
      }
      for corpus in ["\(folder)/beir", "\(folder)/beir/corpus.jsonl"] { #expect(found(corpus) == []) }
      #expect(found("\(folder)/gone", .trainingData).allSatisfy { !$0.contains("negatives.corpus") })
      #expect(
        found("\(folder)/gone") == [
          "CONFIG.yaml:4: negatives.corpus: there is no file \(folder)/gone; make it or name another"
        ])
      #expect(
        found("\(folder)/other") == [
          "CONFIG.yaml:4: negatives.corpus: \(folder)/other has no corpus.jsonl; "
            + "name the folder of a collection in BEIR's layout"
        ])
      #expect(PathCheck.corpusFile("\(folder)/beir") == "\(folder)/beir/corpus.jsonl")
      #expect(PathCheck.corpusFile("\(folder)/x.jsonl") == "\(folder)/x.jsonl")
    }
  }

  @Test func saysWhereARelativePathStarts() {
    let here = FileManager.default.currentDirectoryPath
    #expect(
      PathCheck.modelFolder("no/such")
        == "there is no folder no/such in \(here); name the folder of a Hugging Face model")
  }

  @Test func looksForTheFolderOfAnOutput() throws {
    try withFolder { folder in
      #expect(PathCheck.output("\(folder)/new.json") == nil)
      for path in ["new.json", "x", "/x"] { #expect(PathCheck.output(path) == nil) }
      #expect(PathCheck.output("") == "the path is empty; name a file")
      #expect(PathCheck.output(folder) == "\(folder) is a folder; name a file in it")
      #expect(
        PathCheck.output("\(folder)/a/b.json")
          == "there is no folder \(folder)/a to write \(folder)/a/b.json into; make it (mkdir -p \(folder)/a)")
    }
  }

  @Test func tellsFilesFromFolders() throws {
    try withFolder(["file": ""]) { folder in
      #expect(PathCheck.folder(folder) == nil)
      #expect(PathCheck.folder("\(folder)/file") == "\(folder)/file is a file; name a folder")
      #expect(
        PathCheck.collectionFolder("\(folder)/file")
          == "\(folder)/file is a file; name the folder of a collection in BEIR's or FlagEmbedding's layout")
    }
  }

  @Test(.enabled(if: geteuid() != 0, "root may read everything"))
  func saysThatAFileCannotBeRead() throws {
    try withFolder(["file": ""]) { folder in
      try FileManager.default.setAttributes([.posixPermissions: 0], ofItemAtPath: "\(folder)/file")
      #expect(
        PathCheck.file("\(folder)/file") == "\(folder)/file cannot be read; give yourself the permission (chmod u+r)")
    }
  }
}
