internal import CMPI
internal import Glibc

/// All ranks of one `mpirun` job.
///
/// Collectives are started as MPI's non-blocking ones and polled, so that this thread, the only one that may call MPI,
/// can yield the processor while it waits and can tell who is missing when it has waited too long.
@safe package final class MPICommunicator: Communicator {
  package let rank: Int
  package let rankCount: Int
  package let hostName = localHostName()
  package var context = ""
  package var timeout: Duration
  package internal(set) var waited: Duration = .zero

  /// How many floats of other ranks are held at once while a sum is made: 4 Mi are 16 MiB.
  let scratchCount: Int
  /// Separate communicators, so that what is on the way in one cannot be taken for what is on the way in another.
  let control: MPI_Comm
  let vectors: MPI_Comm
  let gradients: MPI_Comm
  let buffers: MPIBuffers
  var sums: SumsUnderWay
  /// In the order in which they were begun.
  var gathers: [GatherUnderWay] = []
  /// How many floats were begun since the last `finish`: what ranks compare there.
  var begunCount = 0
  /// The machines of all ranks, for messages.
  private(set) var hostNames: [String] = []
  /// Set when a collective has failed: MPI may still hold pointers into its buffers, so nothing may follow.
  var broken: CommunicationError?
  private var rowTypes: [Int: MPI_Datatype] = unsafe [:]

  /// Collective: every rank makes one, with the same `scratchCount`. Needs `MPIWorld.start()`.
  package init(timeout: Duration = .seconds(600), scratchCount: Int = 4 << 20) throws(CommunicationError) {
    let world: MPI_Comm = unsafe cmpi_comm_world()
    var rank: Int32 = 0
    var rankCount: Int32 = 0
    try check("MPI_Comm_rank", unsafe MPI_Comm_rank(world, &rank))
    try check("MPI_Comm_size", unsafe MPI_Comm_size(world, &rankCount))
    self.rank = Int(rank)
    self.rankCount = Int(rankCount)
    self.timeout = timeout
    self.scratchCount = scratchCount
    unsafe control = try duplicate(world)
    unsafe vectors = try duplicate(world)
    unsafe gradients = try duplicate(world)
    buffers = MPIBuffers(rankCount: Int(rankCount))
    sums = unsafe SumsUnderWay(buffers: MPIBuffers(rankCount: Int(rankCount)))
    hostNames = try allGather(bytes: Array(hostName.utf8)).map { String(decoding: $0, as: UTF8.self) }
  }

  package func abort(status: Int32) -> Never {
    fflush(nil)
    unsafe MPI_Abort(cmpi_comm_world(), status)
    exit(status)
  }

  /// The type of a row of `columns` floats: counting rows keeps MPI's 32-bit counts small.
  func rowType(columns: Int) throws(CommunicationError) -> MPI_Datatype {
    if let known = unsafe rowTypes[columns] { return unsafe known }
    var type: MPI_Datatype? = unsafe cmpi_float()
    try check("MPI_Type_contiguous", unsafe MPI_Type_contiguous(Int32(columns), cmpi_float(), &type))
    try check("MPI_Type_commit", unsafe MPI_Type_commit(&type))
    unsafe rowTypes[columns] = type
    return unsafe type!
  }
}

private func duplicate(_ communicator: MPI_Comm) throws(CommunicationError) -> MPI_Comm {
  var copy: MPI_Comm? = unsafe communicator
  try check("MPI_Comm_dup", unsafe MPI_Comm_dup(communicator, &copy))
  try check("MPI_Comm_set_errhandler", unsafe MPI_Comm_set_errhandler(copy, cmpi_errors_return()))
  return unsafe copy!
}

/// Throws what MPI says about `status`, unless it is success.
func check(_ operation: String, _ status: Int32, context: String = "") throws(CommunicationError) {
  guard status != MPI_SUCCESS else { return }
  let text = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(MPI_MAX_ERROR_STRING) + 1) { text in
    var length: Int32 = 0
    unsafe text.initialize(repeating: 0)
    unsafe MPI_Error_string(status, text.baseAddress, &length)
    return unsafe String(cString: text.baseAddress!)
  }
  throw CommunicationError(operation: operation, code: status, message: text, context: context)
}
