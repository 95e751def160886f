// SPDX-License-Identifier: Apache-2.0
// row_dot by cuBLASLt, as a batch of products [1, n] x [n, 1]. It stands behind the kernel that takes every call, so
// that it runs only where it is asked for: something to measure the others by.
#include <farro/core/cuda/status.h>
#include <farro/core/op/op_table.h>
#include <farro/kernels/matmul/row_dot.op.h>

#include <cublasLt.h>

#include <cstdint>
#include <memory>

namespace farro {

namespace {

constexpr size_t kWorkspace = 4 << 20;  // bytes that an algorithm may ask for

void check(cublasStatus_t status, const char* call) {
  FARRO_CHECK(status == CUBLAS_STATUS_SUCCESS, BackendError, "cublaslt: ", call, " must succeed, got ",
              cublasLtGetStatusName(status));
}

// What the library creates, destroyed with its owner.
template <class T, auto kDestroy>
using Owned = std::unique_ptr<std::remove_pointer_t<T>, decltype([](T value) { kDestroy(value); })>;
using Handle = Owned<cublasLtHandle_t, cublasLtDestroy>;
using Product = Owned<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>;
using Layout = Owned<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>;
using Preference = Owned<cublasLtMatmulPreference_t, cublasLtMatmulPreferenceDestroy>;

cudaDataType_t type_of(DType dtype) {
  switch (dtype) {
    case DType::f64: return CUDA_R_64F;
    case DType::f16: return CUDA_R_16F;
    case DType::bf16: return CUDA_R_16BF;
    default: return CUDA_R_32F;
  }
}

// A batch of `count` columns of n elements, one behind the other.
Layout columns(DType dtype, int64_t n, int64_t count) {
  cublasLtMatrixLayout_t made = nullptr;
  check(cublasLtMatrixLayoutCreate(&made, type_of(dtype), static_cast<uint64_t>(n), 1, n), "MatrixLayoutCreate");
  Layout layout(made);
  const auto batch = static_cast<int32_t>(count);
  check(cublasLtMatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &batch, sizeof(batch)),
        "MatrixLayoutSetAttribute");
  check(cublasLtMatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &n, sizeof(n)),
        "MatrixLayoutSetAttribute");
  return layout;
}

// The products of one shape and dtype: their description, and the algorithm that the library chose.
class Plan {
 public:
  Plan(const std::shared_ptr<Handle>& handle, DType dtype, int64_t rows, int64_t n)
      : handle_(handle), wide_(dtype == DType::f64), row_(columns(dtype, n, rows)), result_(columns(dtype, 1, rows)) {
    cublasLtMatmulDesc_t product = nullptr;
    check(cublasLtMatmulDescCreate(&product, wide_ ? CUBLAS_COMPUTE_64F : CUBLAS_COMPUTE_32F,
                                   wide_ ? CUDA_R_64F : CUDA_R_32F),
          "MatmulDescCreate");
    product_.reset(product);
    // Matrices are column-major there: a row of a is a column, transposed.
    const cublasOperation_t transposed = CUBLAS_OP_T;
    check(cublasLtMatmulDescSetAttribute(product, CUBLASLT_MATMUL_DESC_TRANSA, &transposed, sizeof(transposed)),
          "MatmulDescSetAttribute");

    cublasLtMatmulPreference_t preference = nullptr;
    check(cublasLtMatmulPreferenceCreate(&preference), "MatmulPreferenceCreate");
    const Preference owner(preference);
    const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, auto value) {
      check(cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof(value)),
            "MatmulPreferenceSetAttribute");
    };
    prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kWorkspace);
    // A view may begin at any element.
    for (const auto attribute :
         {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
          CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
      prefer(attribute, static_cast<uint32_t>(item_size(dtype)));
    int found = 0;
    check(cublasLtMatmulAlgoGetHeuristic(handle_->get(), product, row_.get(), row_.get(), result_.get(), result_.get(),
                                         preference, 1, &algorithm_, &found),
          "MatmulAlgoGetHeuristic");
    FARRO_CHECK(found == 1, BackendError, "cublaslt: the product must have an algorithm, got none");
  }

  int64_t scratch_bytes() const { return static_cast<int64_t>(algorithm_.workspaceSize); }

  void run(const Tensor& a, const Tensor& b, const Tensor& out, void* scratch, const Stream& stream) const {
    // In the type that is computed in.
    const double one = 1, zero = 0;
    const float one_f32 = 1, zero_f32 = 0;
    const void* alpha = wide_ ? static_cast<const void*>(&one) : &one_f32;
    const void* beta = wide_ ? static_cast<const void*>(&zero) : &zero_f32;
    check(cublasLtMatmul(handle_->get(), product_.get(), alpha, a.raw_data(), row_.get(), b.raw_data(), row_.get(),
                         beta, out.raw_data(), result_.get(), out.raw_data(), result_.get(), &algorithm_.algo, scratch,
                         algorithm_.workspaceSize, static_cast<cudaStream_t>(stream.handle)),
          "Matmul");
  }

 private:
  std::shared_ptr<Handle> handle_;
  bool wide_;
  Layout row_, result_;
  Product product_;
  cublasLtMatmulHeuristicResult_t algorithm_{};
};

std::shared_ptr<Handle> make_handle() {
  cublasLtHandle_t made = nullptr;
  check(cublasLtCreate(&made), "Create");
  return std::make_shared<Handle>(made);
}

// A product of nothing has no description, and a batch is counted in 32 bits.
bool supports(const RowDot::Args& args) { return args.a.numel() > 0 && args.a.size(0) <= INT32_MAX; }

void run(Ctx& ctx, const RowDot::Args& args, Outputs<RowDot>& out) {
  const cuda::DeviceScope scope(ctx.device().index);
  const DType type = args.a.dtype();
  const Tensor a = ctx.dense(args.a, MemoryFormat::contiguous, type);
  const Tensor b = ctx.dense(args.b, MemoryFormat::contiguous, type);
  const Tensor result = ctx.result(out[0], MemoryFormat::contiguous, type);
  // One handle for each device; the library lets threads share it.
  const auto handle = ctx.plan<Handle>(PlanKey("cublaslt"), &make_handle);
  PlanKey key("row_dot_cublaslt");
  key.add(static_cast<int64_t>(type)).add(a.size(0)).add(a.size(1));
  const auto plan = ctx.plan<Plan>(key, [&] { return std::make_shared<Plan>(handle, type, a.size(0), a.size(1)); });
  plan->run(a, b, result, ctx.scratch<char>(plan->scratch_bytes()), ctx.stream());
}

}  // namespace

void register_row_dot_product_cublaslt();
void register_row_dot_product_cublaslt() {
  register_kernel<RowDot>(DeviceType::cuda, &run, {.name = "cublaslt", .rank = 100}, &supports);
}

}  // namespace farro
