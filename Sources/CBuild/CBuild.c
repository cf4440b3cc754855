#include "CBuild.h"

#define TEXT(x) #x
#define VALUE(x) TEXT(x)

const char *cbuild_commit(void) { return VALUE(COLBERT_COMMIT); }
