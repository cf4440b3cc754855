#include "COneDNN.h"

#include <dlfcn.h>
#include <oneapi/dnnl/dnnl.hpp>

#include <array>
#include <map>
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

// Rows are `stride` numbers apart, columns are if it is transposed.
dnnl::memory::desc described(COneDNNBFloat16Factor factor, int64_t rows, int64_t columns) {
  return {{rows, columns}, dnnl::memory::data_type::bf16,
          factor.isTransposed ? dnnl::memory::dims{1, factor.stride} : dnnl::memory::dims{factor.stride, 1}};
}

dnnl::memory::desc described_output(int64_t rows, int64_t columns) {
  return {{rows, columns}, dnnl::memory::data_type::f32, dnnl::memory::dims{columns, 1}};
}

// Rows and depth are told at run time: the numbers of tokens, which seldom repeat, are among them.
dnnl::matmul made_product(
    const dnnl::engine &engine, COneDNNBFloat16Factor left, COneDNNBFloat16Factor right, int64_t columns, bool adds) {
  const auto any = DNNL_RUNTIME_DIM_VAL;
  dnnl::post_ops then;
  if (adds) then.append_sum(1);
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(then);
  const auto a = described(left, any, any), b = described(right, any, columns), c = described_output(any, columns);
#if DNNL_VERSION_MAJOR >= 3
  return dnnl::matmul({engine, a, b, c, attributes});
#else
  return dnnl::matmul({dnnl::matmul::desc(a, b, c), attributes, engine});
#endif
}

// Kept for each shape of weights; by each thread, since a primitive has memory of its own to work in.
const dnnl::matmul &product(
    const dnnl::engine &engine, COneDNNBFloat16Factor left, COneDNNBFloat16Factor right, int64_t columns, bool adds) {
  thread_local std::map<std::array<int64_t, 6>, dnnl::matmul> made;
  const std::array<int64_t, 6> key{
      left.stride, left.isTransposed, right.stride, right.isTransposed, columns, adds};
  auto found = made.find(key);
  if (found == made.end()) found = made.emplace(key, made_product(engine, left, right, columns, adds)).first;
  return found->second;
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

bool conednn_has_bfloat16(void) { return has(dnnl_cpu_isa_avx512_core_bf16); }

bool conednn_float_product(
    COneDNNFactor left, COneDNNFactor right, int64_t rows, int64_t columns, int64_t depth, float scale, float kept,
    float *output, int64_t stride) {
  use_one_thread();
  return dnnl_sgemm(
             left.isTransposed ? 'T' : 'N', right.isTransposed ? 'T' : 'N', rows, columns, depth, scale,
             left.base, left.stride, right.base, right.stride, kept, output, stride) == dnnl_success;
}

bool conednn_bfloat16_product(
    COneDNNBFloat16Factor left, COneDNNBFloat16Factor right, int64_t rows, int64_t columns, int64_t depth, bool adds,
    float *output) {
  use_one_thread();
  try {
    static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    thread_local dnnl::stream stream(engine);
    auto memory = [&](const dnnl::memory::desc &description, const void *base) {
      return dnnl::memory(description, engine, const_cast<void *>(base));
    };
    product(engine, left, right, columns, adds)
        .execute(
            stream, {{DNNL_ARG_SRC, memory(described(left, rows, depth), left.base)},
                     {DNNL_ARG_WEIGHTS, memory(described(right, depth, columns), right.base)},
                     {DNNL_ARG_DST, memory(described_output(rows, columns), output)}});
    stream.wait();
    return true;
  } catch (const dnnl::error &) {
    return false;
  }
}
