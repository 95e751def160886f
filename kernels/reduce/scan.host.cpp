// SPDX-License-Identifier: Apache-2.0
// CPU kernels of cumsum and of the gradients of prod: recurrences along one dimension, in double (f64, f32, halves) or
// int64_t. Threads take whole lines.
#include <farro/core/op/op_table.h>
#include <farro/core/parallel/parallel.h>
#include <farro/kernels/cpu/convert.h>
#include <farro/kernels/reduce/scan.op.h>

#include <algorithm>
#include <memory>

namespace farro {

namespace {

DType accumulator(DType dtype) { return is_floating(dtype) ? DType::f64 : DType::i64; }

// The lines of a tensor along one dimension, in row-major order of the others.
class Lines {
 public:
  Lines(const Tensor& tensor, int dim)
      : data_(static_cast<char*>(tensor.raw_data())),
        dtype_(tensor.dtype()),
        sizes_(tensor.sizes()),
        strides_(tensor.strides()) {
    if (tensor.dim() == 0) return;
    length_ = sizes_[dim];
    stride_ = strides_[dim];
    sizes_.erase(dim);
    strides_.erase(dim);
  }
  // None where they are empty: there may be 2^62 of these.
  int64_t count() const {
    int64_t product = length_ ? 1 : 0;
    for (const int64_t size : sizes_) product *= size;
    return product;
  }
  int64_t length() const { return length_; }

  // Values [begin, begin + n) of a line, as double or int64_t.
  void load(int64_t line, int64_t begin, int64_t n, void* to) const {
    load_fn(dtype_, accumulator(dtype_))(to, at(line, begin), stride_, n);
  }
  void store(int64_t line, int64_t begin, int64_t n, const void* from) const {
    store_fn(accumulator(dtype_), dtype_)(at(line, begin), stride_, from, n);
  }

 private:
  char* at(int64_t line, int64_t begin) const {
    int64_t offset = begin * stride_;
    for (int i = sizes_.size() - 1; i >= 0; --i) {
      offset += line % sizes_[i] * strides_[i];
      line /= sizes_[i];
    }
    return data_ + offset * static_cast<int64_t>(item_size(dtype_));
  }

  char* data_;
  DType dtype_;
  Shape sizes_;
  Strides strides_;
  int64_t length_ = 1;
  int64_t stride_ = 1;
};

// Lines for one thread: enough values to be worth it.
int64_t line_grain(int64_t length) { return std::max<int64_t>(16384 / std::max<int64_t>(length, 1), 1); }

// Running sums of a line, a block at a time. A is unsigned for integers: they wrap.
template <class A>
void cumsum_line(const Lines& in, const Lines& out, int64_t line, bool reverse) {
  constexpr int64_t kBlock = 256;
  A values[kBlock], sum = 0;
  for (int64_t done = 0; done < in.length(); done += kBlock) {
    const int64_t n = std::min(kBlock, in.length() - done);
    // Blocks from the end for a reverse sum, and within each of them from its end.
    const int64_t begin = reverse ? in.length() - done - n : done;
    in.load(line, begin, n, values);
    for (int64_t i = 0; i < n; ++i) {
      A& value = values[reverse ? n - 1 - i : i];
      sum += value;
      value = sum;
    }
    out.store(line, begin, n, values);
  }
}

void cumsum_kernel(Ctx& ctx, const CumSum::Args& args, Outputs<CumSum>& out) {
  const int dim = normalize_dim("cumsum", args.dim, args.input.dim());
  const Tensor input =
      is_floating(args.input.dtype()) ? args.input : ctx.dense(args.input, MemoryFormat::contiguous, DType::i64);
  const Lines from(input, dim), to(out[0], dim);
  parallel_for(from.count(), line_grain(from.length()), [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; ++line)
      is_floating(input.dtype()) ? cumsum_line<double>(from, to, line, args.reverse)
                                 : cumsum_line<uint64_t>(from, to, line, args.reverse);
  });
}

// Calls fn(line, scratch) for every line; scratch holds `arrays` times a line's length.
template <class Fn>
void for_each_line(const Lines& lines, int64_t arrays, const Fn& fn) {
  parallel_for(lines.count(), line_grain(lines.length()), [&](int64_t begin, int64_t end) {
    const auto scratch = std::make_unique_for_overwrite<double[]>(static_cast<size_t>(arrays * lines.length()));
    for (int64_t line = begin; line < end; ++line) fn(line, scratch.get());
  });
}

void prod_others_kernel(Ctx&, const ProdOthers::Args& args, Outputs<ProdOthers>& out) {
  const int dim = normalize_dim("prod_others", args.dim, args.input.dim());
  const Lines from(args.input, dim), to(out[0], dim);
  const int64_t n = from.length();
  for_each_line(from, 2, [&](int64_t line, double* x) {
    double* result = x + n;
    from.load(line, 0, n, x);
    // The product of all other elements is the product of those before and those behind: two scans, and no division by
    // an element that may be 0.
    double before = 1, behind = 1;
    for (int64_t i = 0; i < n; ++i) {
      result[i] = before;
      before *= x[i];
    }
    for (int64_t i = n - 1; i >= 0; --i) {
      result[i] *= behind;
      behind *= x[i];
    }
    to.store(line, 0, n, result);
  });
}

// result[i] = before[i] * behind[i], two recurrences; this is their reverse-mode derivative, so no division meets a 0.
void prod_others_backward_kernel(Ctx&, const ProdOthersBackward::Args& args, Outputs<ProdOthersBackward>& out) {
  const int dim = normalize_dim("prod_others_backward", args.dim, args.input.dim());
  const Lines grads(args.grad, dim), from(args.input, dim), to(out[0], dim);
  const int64_t n = from.length();
  for_each_line(from, 5, [&](int64_t line, double* x) {
    double *g = x + n, *before = g + n, *behind = before + n, *result = behind + n;
    from.load(line, 0, n, x);
    grads.load(line, 0, n, g);
    double product = 1;
    for (int64_t i = 0; i < n; ++i) {
      before[i] = product;
      product *= x[i];
    }
    product = 1;
    for (int64_t i = n - 1; i >= 0; --i) {
      behind[i] = product;
      product *= x[i];
    }
    // before[i + 1] = before[i] * x[i]: from the end, `carried` is the gradient of before[i + 1].
    double carried = 0;
    for (int64_t i = n - 1; i >= 0; --i) {
      result[i] = carried * before[i];
      carried = carried * x[i] + g[i] * behind[i];
    }
    // behind[i - 1] = behind[i] * x[i].
    carried = 0;
    for (int64_t i = 0; i < n; ++i) {
      result[i] += carried * behind[i];
      carried = carried * x[i] + g[i] * before[i];
    }
    to.store(line, 0, n, result);
  });
}

}  // namespace

void register_scan_host();
void register_scan_host() {
  register_kernel<CumSum>(DeviceType::cpu, &cumsum_kernel);
  register_kernel<ProdOthers>(DeviceType::cpu, &prod_others_kernel);
  register_kernel<ProdOthersBackward>(DeviceType::cpu, &prod_others_backward_kernel);
}

}  // namespace farro
