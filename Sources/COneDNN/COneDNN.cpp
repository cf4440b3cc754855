#include "COneDNN.h"

#include <dlfcn.h>
#include <oneapi/dnnl/dnnl.h>

#include <string>

#if DNNL_CPU_THREADING_RUNTIME != DNNL_RUNTIME_OMP && DNNL_CPU_THREADING_RUNTIME != DNNL_RUNTIME_SEQ
#error "This oneDNN brings threads that cannot be told to stay out: build with COLBERT_WITHOUT=onednn"
#endif

namespace {
// The caller's threads share out the work themselves: OpenMP gets one for each of them. Found at run time, since which
// OpenMP it is oneDNN alone knows.
void use_one_thread() {
#if DNNL_CPU_THREADING_RUNTIME == DNNL_RUNTIME_OMP
  thread_local const bool is_set = [] {
    if (auto set = reinterpret_cast<void (*)(int)>(dlsym(RTLD_DEFAULT, "omp_set_num_threads"))) set(1);
    return true;
  }();
  static_cast<void>(is_set);
#endif
}

bool has(dnnl_cpu_isa_t level) { return (dnnl_get_effective_cpu_isa() & level) == level; }
}  // namespace

const char *conednn_version(void) {
  static const std::string version = [] {
    const dnnl_version_t *loaded = dnnl_version();
    return std::to_string(loaded->major) + "." + std::to_string(loaded->minor) + "." + std::to_string(loaded->patch);
  }();
  return version.c_str();
}

bool conednn_has_avx512(void) { return has(dnnl_cpu_isa_avx512_core); }

bool conednn_float_product(
    COneDNNFactor left, COneDNNFactor right, int64_t rows, int64_t columns, int64_t depth, float scale, float kept,
    float *output, int64_t stride) {
  use_one_thread();
  return dnnl_sgemm(
             left.isTransposed ? 'T' : 'N', right.isTransposed ? 'T' : 'N', rows, columns, depth, scale,
             left.base, left.stride, right.base, right.stride, kept, output, stride) == dnnl_success;
}
