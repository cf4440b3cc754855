#pragma once

// What the build was told about itself.

#ifdef __cplusplus
extern "C" {
#endif

// The commit it was made of, as COLBERT_COMMIT named it; empty if that was not set.
const char *_Nonnull cbuild_commit(void);

#ifdef __cplusplus
}
#endif
