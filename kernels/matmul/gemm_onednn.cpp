// SPDX-License-Identifier: Apache-2.0
// bf16 products by oneDNN, which uses the processor's bf16 instructions. A product is cut into parts, each on one
// thread, by its sizes alone, so that no bit depends on the number of threads.
#include <farro/kernels/matmul/gemm_onednn.h>

#include <farro/core/op/plan_cache.h>
#include <farro/core/parallel/parallel.h>
#include <farro/kernels/cpu/onednn.h>

#include <algorithm>
#include <memory>

namespace farro {

namespace {

using dnnl::memory;

// Multiply-adds of a part, about 50 us, beside which starting it is nothing.
constexpr double kPartWork = 4e6;
constexpr int64_t kMostParts = 32, kTileRows = 32, kTileColumns = 64;

// bf16 elements, as 16-bit words: only oneDNN computes with them.
struct Matrix {
  const uint16_t* data;
  int64_t rows, cols, row, col;
};

// As oneDNN takes it: dense along one of the dimensions, without overlap.
Matrix plain(Ctx& ctx, Matrix m) {
  // Strides of dimensions of one element mean nothing, but oneDNN checks them.
  if (m.rows == 1) m.row = m.cols * m.col;
  if (m.cols == 1) m.col = 1;
  if (m.rows == 1 && m.col == 1) m.row = m.cols;
  if ((m.col == 1 && m.row >= m.cols) || (m.row == 1 && m.col >= m.rows)) return m;
  uint16_t* const copy = ctx.scratch<uint16_t>(m.rows * m.cols);
  parallel_for(m.rows, std::max<int64_t>(32768 / m.cols, 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for (int64_t j = 0; j < m.cols; ++j) copy[i * m.cols + j] = m.data[i * m.row + j * m.col];
  });
  return {copy, m.rows, m.cols, m.cols, 1};
}

// One product on one thread; shared by threads.
class Plan {
 public:
  Plan(const Matrix& a, const Matrix& b, int64_t c_row, bool bias) {
    constexpr auto bf16 = memory::data_type::bf16;
    const OneThread guard;
    a_ = memory::desc({a.rows, a.cols}, bf16, memory::dims{a.row, a.col});
    b_ = memory::desc({b.rows, b.cols}, bf16, memory::dims{b.row, b.col});
    c_ = memory::desc({a.rows, b.cols}, bf16, memory::dims{c_row, 1});
    if (bias) bias_ = memory::desc({1, b.cols}, bf16, memory::dims{b.cols, 1});
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::matmul::desc wanted = bias ? dnnl::matmul::desc(a_, b_, bias_, c_) : dnnl::matmul::desc(a_, b_, c_);
    const dnnl::matmul::primitive_desc desc(wanted, attributes, onednn_engine());
    primitive_ = dnnl::matmul(desc);
    scratchpad_ = desc.scratchpad_desc();
    stream_ = dnnl::stream(onednn_engine());
  }

  size_t scratch_bytes() const { return scratchpad_.get_size(); }

  void run(const void* a, const void* b, const void* bias, void* c, void* scratch) const {
    const memory a_at = at(a_, a), b_at = at(b_, b), c_at = at(c_, c), scratch_at = at(scratchpad_, scratch),
                 bias_at = bias ? at(bias_, bias) : memory();
    dnnl_exec_arg_t args[5] = {{DNNL_ARG_SRC, a_at.get()},
                               {DNNL_ARG_WEIGHTS, b_at.get()},
                               {DNNL_ARG_DST, c_at.get()},
                               {DNNL_ARG_SCRATCHPAD, scratch_at.get()},
                               {}};
    if (bias) args[4] = {DNNL_ARG_BIAS, bias_at.get()};
    dnnl::error::wrap_c_api(dnnl_primitive_execute(primitive_.get(), stream_.get(), bias ? 5 : 4, args),
                            "could not execute a product");
  }

 private:
  static memory at(const memory::desc& desc, const void* data) {
    return memory(desc, onednn_engine(), const_cast<void*>(data));
  }
  memory::desc a_, b_, bias_, c_, scratchpad_;
  dnnl::matmul primitive_;
  dnnl::stream stream_;
};

std::shared_ptr<Plan> find_plan(Ctx& ctx, const Matrix& a, const Matrix& b, int64_t c_row, bool bias) {
  PlanKey key("onednn_gemm");
  key.add(a.rows).add(a.cols).add(b.cols).add(a.row).add(a.col).add(b.row).add(b.col).add(c_row).add(int64_t{bias});
  return ctx.plan<Plan>(key, [&] {
    const auto gate = hold_off_forks<MakingPrimitive>();
    return std::make_shared<Plan>(a, b, c_row, bias);
  });
}

// Beginning of strip `i` of `count`.
int64_t cut(int64_t length, int64_t count, int64_t i, int64_t tile) {
  return i == count ? length : length * i / count / tile * tile;
}

}  // namespace

void onednn_gemm(Ctx& ctx, DType dtype, const Gemm& g) {
  if (g.m == 0 || g.n == 0 || g.k == 0) return run_gemm(ctx, dtype, g);
  with_onednn_errors(ctx.op(), [&] {
    Ctx own(ctx.parts());
    const Matrix a = plain(own, {static_cast<const uint16_t*>(g.a), g.m, g.k, g.a_row, g.a_col});
    const Matrix b = plain(own, {static_cast<const uint16_t*>(g.b), g.k, g.n, g.b_row, g.b_col});
    const auto* bias = static_cast<const uint16_t*>(g.bias);
    auto* const c = static_cast<uint16_t*>(g.c);
    // The parts depend on the sizes alone.
    const double work = static_cast<double>(g.m) * static_cast<double>(g.n) * static_cast<double>(g.k) / kPartWork;
    // As many strips of rows as there are tiles for, then strips of columns: rows are dense in C.
    const auto wanted = static_cast<int64_t>(std::clamp<double>(work, 1, kMostParts));
    const int64_t rows = std::clamp<int64_t>(g.m / kTileRows, 1, wanted);
    const int64_t columns = std::clamp<int64_t>(g.n / kTileColumns, 1, wanted / rows);
    const Ctx::Parts contexts = ctx.parts();
    parallel_for(rows * columns, 1, [&](int64_t begin, int64_t end) {
      const OneThread guard;
      for (int64_t i = begin; i < end; ++i) {
        const int64_t r0 = cut(g.m, rows, i / columns, kTileRows), r1 = cut(g.m, rows, i / columns + 1, kTileRows);
        const int64_t c0 = cut(g.n, columns, i % columns, kTileColumns);
        const int64_t c1 = cut(g.n, columns, i % columns + 1, kTileColumns);
        const Matrix left{a.data + r0 * a.row, r1 - r0, g.k, a.row, a.col};
        const Matrix right{b.data + c0 * b.col, g.k, c1 - c0, b.row, b.col};
        Ctx work_memory(contexts);
        const auto plan = find_plan(work_memory, left, right, g.c_row, bias != nullptr);
        char* const scratch = work_memory.scratch<char>(static_cast<int64_t>(plan->scratch_bytes()));
        plan->run(left.data, right.data, bias ? bias + c0 : nullptr, c + r0 * g.c_row + c0, scratch);
      }
    });
  });
}

}  // namespace farro
