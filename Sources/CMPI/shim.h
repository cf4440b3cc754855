#pragma once
#include <mpi.h>

// Open MPI spells its constants as casts of external structs, which Swift does not see.
static inline MPI_Comm cmpi_comm_world(void) { return MPI_COMM_WORLD; }
