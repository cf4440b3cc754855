/// A defect in a data file: where it stands, what it is, and what to do about it.
package struct DataError: Error, Equatable, CustomStringConvertible {
  package let path: String
  /// The line in the file, counted from 1; `nil` when the defect is the whole file's.
  package let line: Int?
  package let reason: String
  package let advice: String

  package init(path: String, line: Int? = nil, reason: String, advice: String) {
    self.path = path
    self.line = line
    self.reason = reason
    self.advice = advice
  }

  package var description: String {
    let place = line.map { "\(path):\($0)" } ?? path
    return "\(place): \(reason). \(advice)."
  }

  /// The status the process ends with: `EX_DATAERR`, bad data.
  package var exitStatus: Int32 { 65 }
}

/// A path that leads nowhere: the configuration's fault, not the data's.
package struct MissingFileError: Error, Equatable, CustomStringConvertible {
  package let path: String

  package var description: String {
    "\(path): there is no such file or folder. Check the path; relative ones start at the working directory."
  }

  /// The status the process ends with: `EX_USAGE`, a path in the configuration that is not there.
  package var exitStatus: Int32 { 64 }
}
