#pragma once
#include <stddef.h>
#include <stdint.h>

// libsentencepiece behind plain C functions: a model file is parsed, checked, and its pieces are listed. No function
// throws. A model never changes: any number of threads may ask it at the same time.

#ifdef __cplusplus
extern "C" {
#endif

typedef struct CSentencePieceModel CSentencePieceModel;

// The model in `count` bytes of a file, which the caller gives back to csentencepiece_free. NULL if they hold none:
// then `problem`, of `capacity` bytes, says why, cut to fit and ended by a zero.
CSentencePieceModel *_Nullable csentencepiece_read(
    const void *_Nullable bytes, size_t count, char *_Nonnull problem, size_t capacity);

void csentencepiece_free(CSentencePieceModel *_Nullable model);

// How many pieces there are; their ids are 0 ..< this.
int32_t csentencepiece_count(const CSentencePieceModel *_Nonnull model);

// The bytes of a piece, `*count` of them, which live as long as the model.
const char *_Nonnull csentencepiece_text(const CSentencePieceModel *_Nonnull model, int32_t id, size_t *_Nonnull count);

// The logarithm of a piece's probability.
float csentencepiece_score(const CSentencePieceModel *_Nonnull model, int32_t id);

#ifdef __cplusplus
}
#endif
