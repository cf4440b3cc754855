#pragma once
#include <stdbool.h>
#include <stdint.h>

// oneDNN's matrix products behind plain C functions. Each runs on the calling thread alone and may be called by any
// number of threads at the same time. No function throws.

#ifdef __cplusplus
extern "C" {
#endif

// The version that is loaded: "2.6.0".
const char *_Nonnull conednn_version(void);

// Whether this processor, and the environment's ONEDNN_MAX_CPU_ISA, let oneDNN use AVX-512.
bool conednn_has_avx512(void);

// Whether they let it use bfloat16 instructions too: AVX-512 BF16 or AMX BF16.
bool conednn_has_bfloat16(void);

// One factor of a product as it lies in memory: rows are `stride` floats apart. `isTransposed` reads it column by
// column.
typedef struct {
  const float *_Nonnull base;
  int64_t stride;
  bool isTransposed;
} COneDNNFactor;

// `output = scale · left · right + kept · output` in float32: `[rows × depth] · [depth × columns]`, `output`'s rows
// `stride` floats apart. False if oneDNN refuses.
bool conednn_float_product(
    COneDNNFactor left, COneDNNFactor right, int64_t rows, int64_t columns, int64_t depth, float scale, float kept,
    float *_Nonnull output, int64_t stride);

// The same of bfloat16 numbers, which are the upper halves of floats.
typedef struct {
  const uint16_t *_Nonnull base;
  int64_t stride;
  bool isTransposed;
} COneDNNBFloat16Factor;

// `output = left · right`, or `+=` if it `adds`, with float32 sums; `output` is packed. Without bfloat16 instructions it is
// emulated, which needs AVX-512 and is several times slower than float32. False if oneDNN refuses.
bool conednn_bfloat16_product(
    COneDNNBFloat16Factor left, COneDNNBFloat16Factor right, int64_t rows, int64_t columns, int64_t depth, bool adds,
    float *_Nonnull output);

#ifdef __cplusplus
}
#endif
