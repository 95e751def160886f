// SPDX-License-Identifier: Apache-2.0
// How a convolution is cut into parts that run on one thread each: along the batch first, then along rows of the
// result. The cuts depend on the shape alone, never on the number of threads, so results do not either.
#include <farro/kernels/conv/conv_parts.h>

#include <algorithm>

namespace farro {

namespace {

// Operations of a part: 100 us, beside which starting it is nothing.
constexpr double kPartFlops = 8e6;
// A cut along rows reads the kernel's reach twice, once for each neighbour; hence fewer of those parts.
constexpr int64_t kMostParts = 64, kMostPartsWithRows = 16;

// Rounding towards +infinity and -infinity: C++ rounds towards zero, and positions in the padding are negative.
int64_t ceil_div(int64_t a, int64_t b) { return a >= 0 ? (a + b - 1) / b : -(-a / b); }
int64_t floor_div(int64_t a, int64_t b) { return -ceil_div(-a, b); }

}  // namespace

ConvParts::ConvParts(const ConvShape& shape, bool of_x) : shape_(shape), of_x_(of_x), batch_(shape.batch) {
  const double work = shape.flops() / kPartFlops;
  if (work < 2) return;
  // A multiple of 4 divides evenly among a few threads.
  const int64_t wanted = (static_cast<int64_t>(std::min<double>(work, kMostParts)) + 3) / 4 * 4;
  batch_ = ceil_div(shape.batch, wanted);
  batches_ = ceil_div(shape.batch, batch_);
  if (batches_ >= kMostPartsWithRows || batches_ >= wanted) return;

  const int64_t* sizes = of_x ? shape.in : shape.out;
  while (dim_ < 2 && sizes[dim_] == 1) ++dim_;
  for (int d = 0; d < dim_; ++d)  // rows of the others' only position must lie together
    if (shape.in[d] != 1 || shape.out[d] != 1) return;
  // At least 4 rows to a part.
  rows_ = std::min(ceil_div(std::min(wanted, kMostPartsWithRows), batches_), sizes[dim_] / 4);
  // If one part's rows are no convolution of their own (cut_rows), there is no cut along rows at all.
  ConvPart part;
  for (int64_t i = 0; i < rows_; ++i)
    if (part.shape = shape; !cut_rows(part, i)) rows_ = 1;
  rows_ = std::max<int64_t>(rows_, 1);
}

// Leaves the rows of part `index` in part.shape; false where those are no convolution of their own.
bool ConvParts::cut_rows(ConvPart& part, int64_t index) const {
  ConvShape& s = part.shape;
  const int d = dim_;
  const int64_t size = of_x_ ? s.in[d] : s.out[d], begin = size * index / rows_, end = size * (index + 1) / rows_;
  // A window at output o covers inputs [o * stride - pad, o * stride - pad + reach]. Of x: the outputs whose window
  // meets [begin, end). Of out: the inputs that the windows of [begin, end) cover.
  const int64_t reach = (s.kernel[d] - 1) * s.dilation[d], stride = s.stride[d];
  int64_t x0 = begin, x1 = end, o0 = begin, o1 = end;
  if (of_x_) {
    o0 = std::max<int64_t>(ceil_div(begin + s.pad[d] - reach, stride), 0);
    o1 = std::min(floor_div(end - 1 + s.pad[d], stride) + 1, s.out[d]);
  } else {
    x0 = std::max<int64_t>(begin * stride - s.pad[d], 0);
    x1 = std::min((end - 1) * stride - s.pad[d] + reach + 1, s.in[d]);
  }
  // The part's own coordinates begin at x0 and o0; this keeps in = out * stride - pad + tap true in them.
  s.pad[d] += x0 - o0 * stride;
  s.in[d] = x1 - x0;
  s.out[d] = o1 - o0;
  // Channels-last: a step along d is everything inside that dimension, channels included.
  int64_t x_row = s.groups * s.in_channels, out_row = s.groups * s.out_channels;
  for (int e = d + 1; e < 3; ++e) {
    x_row *= s.in[e];
    out_row *= s.out[e];
  }
  part.x_at += x0 * x_row;
  part.out_at += o0 * out_row;
  // As oneDNN asks of a whole convolution: less than a stride behind the last window.
  return s.in[d] > 0 && s.out[d] > 0 && s.pad[d] >= 0 && s.window(d).rest(s.out[d]) < s.stride[d];
}

ConvPart ConvParts::operator[](int64_t index) const {
  // Parts are numbered with the rows of one piece of the batch next to each other.
  const int64_t first = index / rows_ * batch_;
  ConvPart part{shape_, first * shape_.groups * shape_.in_channels * shape_.in_pixels(),
                first * shape_.groups * shape_.out_channels * shape_.out_pixels()};
  part.shape.batch = std::min(batch_, shape_.batch - first);
  if (rows_ > 1) cut_rows(part, index % rows_);
  return part;
}

}  // namespace farro
