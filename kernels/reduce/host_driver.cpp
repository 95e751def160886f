// SPDX-License-Identifier: Apache-2.0
// Reductions on the CPU, over any dimensions of any strides. Two cases, by which dimension is the innermost in memory:
// rows, where the values of one output lie together and are folded one output at a time, and columns, where outputs lie
// together and a block of them is folded side by side. How the work is cut depends on shapes and strides alone, so no
// result depends on the number of threads.
#include <farro/kernels/reduce/host_driver.h>

#include <farro/core/parallel/parallel.h>
#include <farro/kernels/cpu/convert.h>
#include <farro/kernels/pointwise/host_driver.h>
#include <farro/kernels/reduce/side.h>

#include <algorithm>
#include <memory>

namespace farro {

namespace {

constexpr int64_t kMaxWidth = 256;  // outputs of one block: their accumulators stay in the first-level cache
constexpr int64_t kMaxChunks = 64;  // pieces one output's reduction is cut into
constexpr int64_t kPiece = 32768;   // values of a piece, at least: what is worth a thread
constexpr int64_t kBuffer = 1024;   // values converted at a time

struct Block {
  // Doubles or int64_t: accumulators of either kind have 8 bytes.
  alignas(64) double values[kMaxWidth];
  alignas(64) int64_t indices[kMaxWidth];
};

class Reduction {
 public:
  Reduction(const Tensor* values, const Tensor* indices, const Tensor& input, uint32_t mask, const ReduceCall& call)
      : call_(call),
        in_dtype_(input.dtype()),
        in_item_(int64_t(item_size(in_dtype_))),
        sides_(reduce_sides(values ? *values : *indices, input, mask)) {
    data_ = static_cast<const char*>(input.raw_data());
    if (values) {
      values_ = static_cast<char*>(values->raw_data());
      values_dtype_ = values->dtype();
    }
    if (indices) indices_ = indices->data<int64_t>();
    length_ = reduced_.count();
    columns_ = kept_.in[kept_.rank - 1] < reduced_.in[reduced_.rank - 1];
    const int64_t inner = kept_.sizes[kept_.rank - 1];
    width_ = std::min(inner,
                      columns_ ? kMaxWidth : std::clamp<int64_t>(kPiece / std::max<int64_t>(length_, 1), 1, kMaxWidth));
    // A piece has at least kPiece values, and an output no more than kMaxChunks pieces; in the case of columns a
    // position is a whole line of the block's width.
    chunk_ = std::max(columns_ ? std::max<int64_t>(kPiece / std::max<int64_t>(width_, 1), 1) : kPiece,
                      length_ / kMaxChunks + (length_ % kMaxChunks != 0));
    // Not length_ + chunk_ - 1: of no outputs there may be 2^63 - 1 values each.
    chunks_ = std::max<int64_t>(length_ / chunk_ + (length_ % chunk_ != 0), 1);
    accumulator_ = call.compute == DType::i64 ? DType::i64 : DType::f64;
  }

  void run() const {
    const int64_t outputs = kept_.count();
    if (outputs == 0) return;
    const int64_t inner = kept_.sizes[kept_.rank - 1];
    // A block is up to width_ neighbouring outputs of one line of the innermost kept dimension.
    const int64_t per_line = (inner + width_ - 1) / width_;
    const int64_t blocks = outputs / inner * per_line;
    const auto run_blocks = [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) run_block(b / per_line, b % per_line * width_);
    };
    // With few blocks the chunks of each go to the threads instead.
    if (chunks_ > 1 && blocks < 2 * num_threads()) return run_blocks(0, blocks);
    const int64_t work = std::max<int64_t>(width_ * length_, 1);
    parallel_for(blocks, std::max<int64_t>(kPiece / work, 1), run_blocks);
  }

 private:
  // Outputs [column, column + width) of one line of the innermost kept dimension.
  void run_block(int64_t line, int64_t column) const {
    const int inner = kept_.rank - 1;
    const int64_t width = std::min(width_, kept_.sizes[inner] - column);
    int64_t in_at = column * kept_.in[inner], out_at = column * kept_.out[inner];
    for (int i = inner - 1; i >= 0; --i) {
      in_at += line % kept_.sizes[i] * kept_.in[i];
      out_at += line % kept_.sizes[i] * kept_.out[i];
      line /= kept_.sizes[i];
    }
    Block results[2];
    const void* first = nullptr;
    const Block* last = nullptr;
    // A second pass sees the results of the first, as the mean for a variance or the maximum for logsumexp.
    for (int pass = 0; pass < 2 && call_.passes[pass]; ++pass) {
      last = &results[pass];
      const ReduceSlots slots{results[pass].values, results[pass].indices, first};
      run_pass(*call_.passes[pass], slots, data_ + in_at * in_item_, width);
      first = last;
    }
    const int64_t stride = kept_.out[inner];
    if (values_) {
      char* target = values_ + out_at * int64_t(item_size(values_dtype_));
      store_fn(accumulator_, values_dtype_)(target, stride, last->values, width);
    }
    if (indices_) store_fn(DType::i64, DType::i64)(indices_ + out_at, stride, last->indices, width);
  }

  void run_pass(const ReduceLoops& loops, const ReduceSlots& slots, const char* in, int64_t width) const {
    loops.start(slots, width);
    if (chunks_ == 1) {
      accumulate(loops, slots, in, width, 0, length_);
    } else {
      // Each chunk folds into accumulators of its own; they are merged in order, whichever thread made them.
      const auto partial = std::make_unique_for_overwrite<int64_t[]>(static_cast<size_t>(2 * chunks_ * width));
      const auto slots_of = [&](int64_t chunk) {
        int64_t* values = partial.get() + 2 * chunk * width;
        return ReduceSlots{values, values + width, slots.first};
      };
      parallel_for(chunks_, 1, [&](int64_t begin, int64_t end) {
        for (int64_t c = begin; c < end; ++c) {
          loops.start(slots_of(c), width);
          accumulate(loops, slots_of(c), in, width, c * chunk_, std::min((c + 1) * chunk_, length_));
        }
      });
      for (int64_t c = 0; c < chunks_; ++c) loops.merge(slots, slots_of(c), width);
    }
    if (loops.finish) loops.finish(slots, width, length_, call_.params);
  }

  // Folds positions [begin, end) of the reduction into `width` accumulators.
  void accumulate(const ReduceLoops& loops, const ReduceSlots& slots, const char* in, int64_t width, int64_t begin,
                  int64_t end) const {
    const int inner = reduced_.rank - 1;
    const int64_t run = reduced_.sizes[inner];
    // Runs along the innermost reduced dimension; only a run's beginning costs divisions.
    while (begin < end) {
      int64_t rest = begin / run;
      const int64_t first = begin % run;
      int64_t offset = first * reduced_.in[inner];
      for (int i = inner - 1; i >= 0; --i) {
        offset += rest % reduced_.sizes[i] * reduced_.in[i];
        rest /= reduced_.sizes[i];
      }
      const int64_t n = std::min(run - first, end - begin);
      (columns_ ? fold_columns(loops, slots, in + offset * in_item_, width, n, begin)
                : fold_rows(loops, slots, in + offset * in_item_, width, n, begin));
      begin += n;
    }
  }

  void fold_rows(const ReduceLoops& loops, const ReduceSlots& slots, const char* in, int64_t width, int64_t n,
                 int64_t at) const {
    const int64_t stride = reduced_.in[reduced_.rank - 1], pitch = kept_.in[kept_.rank - 1];
    if (in_dtype_ == call_.compute && (stride == 1 || n == 1))
      return loops.rows(slots, in, pitch, width, n, at, call_.params);
    // Other dtypes and strides are converted a buffer at a time, so that the loops know three types and one stride.
    alignas(64) double buffer[kBuffer];
    for (int64_t j = 0; j < width; ++j) {
      const ReduceSlots slot{static_cast<double*>(slots.values) + j, slots.indices + j,
                             slots.first ? static_cast<const double*>(slots.first) + j : nullptr};
      for (int64_t i = 0; i < n; i += kBuffer) {
        const int64_t count = std::min(kBuffer, n - i);
        load_fn(in_dtype_, call_.compute)(buffer, in + (j * pitch + i * stride) * in_item_, stride, count);
        loops.rows(slot, buffer, 0, 1, count, at + i, call_.params);
      }
    }
  }

  void fold_columns(const ReduceLoops& loops, const ReduceSlots& slots, const char* in, int64_t width, int64_t n,
                    int64_t at) const {
    const int64_t stride = kept_.in[kept_.rank - 1], pitch = reduced_.in[reduced_.rank - 1];
    if (in_dtype_ == call_.compute && (stride == 1 || width == 1))
      return loops.columns(slots, in, pitch, width, n, at, call_.params);
    alignas(64) char buffer[kBuffer * 8];
    const int64_t step = kBuffer / width, row_bytes = width * int64_t(item_size(call_.compute));
    for (int64_t i = 0; i < n; i += step) {
      const int64_t rows = std::min(step, n - i);
      for (int64_t r = 0; r < rows; ++r)
        load_fn(in_dtype_, call_.compute)(buffer + r * row_bytes, in + (i + r) * pitch * in_item_, stride, width);
      loops.columns(slots, buffer, width, width, rows, at + i, call_.params);
    }
  }

  const ReduceCall& call_;
  DType in_dtype_;
  int64_t in_item_;
  DType accumulator_;
  const char* data_;
  char* values_ = nullptr;
  DType values_dtype_ = DType::f32;
  int64_t* indices_ = nullptr;
  ReduceSides sides_;
  const ReduceSide &kept_ = sides_.kept, &reduced_ = sides_.reduced;
  bool columns_;    // the smallest stride is that of a kept dimension
  int64_t length_;  // values per output
  int64_t width_;   // outputs per block
  int64_t chunk_;   // positions per piece
  int64_t chunks_;
};

}  // namespace

void run_reduce(const Tensor* values, const Tensor* indices, const Tensor& input, uint32_t mask,
                const ReduceCall& call) {
  Reduction(values, indices, input, mask, call).run();
}

}  // namespace farro
