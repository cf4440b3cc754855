/// How a command tells how far it is.
package enum ProgressMode: String, CaseIterable, Sendable {
  /// `live` on a terminal, `plain` elsewhere.
  case auto
  /// One line that changes, also where this process cannot see that it is on a terminal, as a rank of mpirun cannot.
  case live
  /// Lines that are added.
  case plain
  /// One JSON object a line, for a program.
  case json
  /// Warnings and errors alone.
  case quiet
}
