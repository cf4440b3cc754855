import LateInteraction
import Tensors

/// Scores queries against documents of their own rank alone, for negatives that are not the whole batch's: nothing travels.
final class LocalExchange: Exchange {
  let scores: ScoreMatrices
  private let queries: EncodedTexts
  private let documents: EncodedTexts
  private let context: ExchangeContext
  private let meetings: [LocalMeeting]

  /// - Parameter meetings: which own queries are scored against which own documents; every query is in one.
  init(
    _ queries: EncodedTexts, _ documents: EncodedTexts, of batch: RankBatch, meetings ranges: [MeetingRanges],
    _ context: ExchangeContext
  ) {
    (self.queries, self.documents, self.context) = (queries, documents, context)
    let all = ScoreMatrices(
      zeros: context.heads, narrowerCount: context.narrow.dimensions.count, queries: queries.count,
      documents: batch.globalDocumentCount, in: context.arena)
    let columns = batch.documentColumns
    scores = all
    meetings = ranges.map { ranges in
      let scored = score(
        queries.texts(ranges.queries), documents.texts(ranges.documents), context.narrow,
        reduction: context.reduction, in: context.arena, on: context.pool)
      let meeting = LocalMeeting(ranges, columns: Array(columns[ranges.documents]), scored: scored)
      for (part, whole) in zip(meeting.scored.matrices.all, all.all) {
        scatterColumns(part, meeting.columns, into: whole.rows(ranges.queries))
      }
      return meeting
    }
  }

  func gradients() -> (queries: EncodedTexts, documents: EncodedTexts) {
    let queryGradient = queries.zeros(in: context.arena)
    let documentGradient = documents.zeros(in: context.arena)
    for meeting in meetings {
      let ranges = meeting.ranges
      for (part, whole) in zip(meeting.scored.matrices.all, scores.all) {
        gatherColumns(whole.rows(ranges.queries), meeting.columns, into: part)
      }
      scoreBackward(
        meeting.scored, queries.texts(ranges.queries), documents.texts(ranges.documents), context.narrow,
        reduction: context.reduction, into: queryGradient.texts(ranges.queries),
        documentGradient.texts(ranges.documents), on: context.pool)
    }
    return (queryGradient, documentGradient)
  }
}

/// Queries of a share, and the documents of it that they are scored against.
struct MeetingRanges: Equatable {
  let queries: Range<Int>
  let documents: Range<Int>
}

extension RankBatch {
  /// Who meets whom when negatives are a query's own documents, or those of its rank.
  func localMeetings(_ scope: Configuration.Scope) -> [MeetingRanges] {
    let starts = targets.reduce(into: [0]) { $0.append($0.last! + $1.documents.count) }
    switch scope {
    case .global: preconditionFailure("a global batch meets on no rank")
    case .rank: return targets.isEmpty ? [] : [MeetingRanges(queries: targets.indices, documents: 0..<starts.last!)]
    case .own:
      return targets.indices.map { MeetingRanges(queries: $0..<$0 + 1, documents: starts[$0]..<starts[$0 + 1]) }
    }
  }
}

/// Some queries and documents, scored.
private final class LocalMeeting {
  let ranges: MeetingRanges
  /// Where in the global batch the documents stand.
  let columns: [Int]
  let scored: HeadScores

  init(_ ranges: MeetingRanges, columns: [Int], scored: consuming HeadScores) {
    self.ranges = ranges
    self.columns = columns
    self.scored = scored
  }
}
