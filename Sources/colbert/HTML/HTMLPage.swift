/// A page that holds all it needs: no script, and no font, picture or style from elsewhere.
struct HTMLPage {
  let title: String
  /// Beside what all pages share.
  var style = ""
  let body: String

  var text: String {
    """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="generator" content="colbert">
    <title>\(escaped(title))</title>
    <style>
    \(Self.sharedStyle)
    \(style)
    </style>
    </head>
    <body>
    <main>
    <h1>\(escaped(title))</h1>
    \(body)
    </main>
    </body>
    </html>

    """
  }

  /// Light or dark as the reader has it. The colours of series keep a contrast of 3:1 to their ground and differ in
  /// lightness too, for who cannot tell hues apart.
  private static let sharedStyle = """
    :root {
      color-scheme: light dark;
      --ground: #fdfdfc; --panel: #f4f4f1; --ink: #1c1c1a; --faint: #5f5f5a; --line: #d9d9d3; --heat: 214 106 0;
      --series-0: #1f5fae; --series-1: #b4541a; --series-2: #2b7a4b; --series-3: #8a3f8f; --series-4: #7a6a00;
      --series-5: #1b7f8c;
    }
    @media (prefers-color-scheme: dark) {
      :root {
        --ground: #161614; --panel: #201f1d; --ink: #ecebe6; --faint: #a9a79e; --line: #3b3a36; --heat: 255 150 40;
        --series-0: #7db2f5; --series-1: #f0a267; --series-2: #7cc99a; --series-3: #d59bd9; --series-4: #d6c44a;
        --series-5: #6fced9;
      }
    }
    body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
    main { max-width: 70rem; margin: 0 auto; padding: 1.5rem; }
    h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 0.5rem; }
    h2 { font-size: 1.2rem; margin: 2.2rem 0 0.6rem; }
    h3 { font-size: 1rem; margin: 1.2rem 0 0.4rem; }
    p { margin: 0.4rem 0; max-width: 48rem; }
    .faint { color: var(--faint); }
    table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
    th, td { padding: 0.2rem 0.7rem 0.2rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
    th { font-weight: 600; }
    .number { text-align: right; }
    .wide { overflow-x: auto; }
    code, .token { font-family: ui-monospace, monospace; font-size: 0.9em; }
    """
}

/// `text` as it stands in HTML, also in a quoted attribute.
func escaped(_ text: String) -> String {
  var escaped = ""
  escaped.reserveCapacity(text.utf8.count)
  for scalar in text.unicodeScalars {
    switch scalar {
    case "&": escaped += "&amp;"
    case "<": escaped += "&lt;"
    case ">": escaped += "&gt;"
    case "\"": escaped += "&quot;"
    case "'": escaped += "&#39;"
    default: escaped.unicodeScalars.append(scalar)
    }
  }
  return escaped
}

/// A table whose first column names the rows. Cells are HTML.
func htmlTable(
  _ header: [String], _ rows: [[String]], caption: String? = nil, numbers: Set<Int> = []
) -> String {
  func cells(_ row: [String], header: Bool) -> String {
    row.enumerated().map { column, cell in
      let tag = header || column == 0 ? "th" : "td"
      let scope = header ? " scope=\"col\"" : column == 0 ? " scope=\"row\"" : ""
      return "<\(tag)\(scope)\(numbers.contains(column) ? " class=\"number\"" : "")>\(cell)</\(tag)>"
    }.joined()
  }
  let head = header.isEmpty ? "" : "<thead><tr>\(cells(header, header: true))</tr></thead>"
  return """
    <div class="wide"><table>\(caption.map { "<caption>\($0)</caption>" } ?? "")
    \(head)
    <tbody>
    \(rows.map { "<tr>\(cells($0, header: false))</tr>" }.joined(separator: "\n"))
    </tbody></table></div>
    """
}
