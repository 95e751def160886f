// Loops of batch normalisation; see batch_norm_loops.h. A part is small enough for the cache, so that its second pass
// (the squares around its own mean) costs no memory traffic; within a part values are added in f32 over at most kFold
// values a lane and from there on in f64.
#include <farro/core/util/parallel.h>
#include <farro/kernels/cpu/packs.h>
#include <farro/kernels/norm/batch_norm_loops.h>

#include <algorithm>

namespace farro::FARRO_ISA {

namespace {

constexpr int64_t kPart = 16384;  // values of a part, about
constexpr int64_t kFold = 32;
constexpr int64_t kGrain = 16384;

// Rows of a part where channels are innermost.
int64_t rows_per_part(const ChannelCall& call) {
  return std::max<int64_t>(64, kPart / std::max<int64_t>(call.channels, 1));
}
// Pieces of a run where they are not.
int64_t pieces(const ChannelCall& call) { return (call.inner + kPart - 1) / kPart; }

int64_t parts(const ChannelCall& call) {
  if (call.inner > 1) return call.outer * pieces(call);
  const int64_t rows = rows_per_part(call);
  return (call.outer + rows - 1) / rows;
}
// Values per channel in a part.
int64_t part_count(const ChannelCall& call, int64_t part) {
  const int64_t step = call.inner > 1 ? kPart : rows_per_part(call);
  const int64_t whole = call.inner > 1 ? call.inner : call.outer;
  const int64_t begin = (call.inner > 1 ? part % pieces(call) : part) * step;
  return std::min(step, whole - begin);
}

// sums[s * C + c] = sum over the part's values of channel c of term(offset, centre[c])[s].
template <class T, int kSums, class Term>
void sum_rows(const ChannelCall& call, int64_t part, const T* centre, double* sums, const Term& term) {
  const int64_t channels = call.channels;
  const int64_t begin = part * rows_per_part(call), end = begin + part_count(call, part);
  for_packs<T>(channels, [&]<class P, int kCount>(int64_t at) {
    using Value = typename P::Value;
    double total[kSums][kCount * P::kWidth] = {};
    Value middle[kCount];
    for (int j = 0; j < kCount; ++j) middle[j] = P::load(centre + at + j * P::kWidth);
    for (int64_t row = begin; row < end; row += kFold) {
      Value sum[kSums][kCount] = {};
      for (int64_t r = row; r < std::min(row + kFold, end); ++r) {
#pragma GCC unroll 4
        for (int j = 0; j < kCount; ++j) {
          const auto terms = term.template operator()<P>(r * channels + at + j * P::kWidth, middle[j]);
          for (int s = 0; s < kSums; ++s) sum[s][j] += terms.values[s];
        }
      }
      for (int s = 0; s < kSums; ++s)
        for (int j = 0; j < kCount; ++j)
          for (int l = 0; l < P::kWidth; ++l) total[s][j * P::kWidth + l] += static_cast<double>(P::lane(sum[s][j], l));
    }
    for (int s = 0; s < kSums; ++s)
      for (int i = 0; i < kCount * P::kWidth; ++i) sums[s * channels + at + i] = total[s][i];
  });
}

template <class T, int kSums, class Term>
void sum_runs(const ChannelCall& call, int64_t part, const T* centre, double* sums, const Term& term) {
  using P = WidePack<T>;
  constexpr int kCount = 4, kStep = kCount * P::kWidth;
  const int64_t channels = call.channels, count = part_count(call, part);
  for (int64_t c = 0; c < channels; ++c) {
    const int64_t base = (part / pieces(call) * channels + c) * call.inner + part % pieces(call) * kPart;
    double total[kSums] = {};
    int64_t i = 0;
    while (i + kStep <= count) {
      typename P::Value sum[kSums][kCount] = {};
      const int64_t stop = std::min(i + kFold * kStep, count);
      for (; i + kStep <= stop; i += kStep) {
#pragma GCC unroll 4
        for (int j = 0; j < kCount; ++j) {
          const auto terms = term.template operator()<P>(base + i + j * P::kWidth, typename P::Value{} + centre[c]);
          for (int s = 0; s < kSums; ++s) sum[s][j] += terms.values[s];
        }
      }
      for (int s = 0; s < kSums; ++s) {
        const auto joined = (sum[s][0] + sum[s][1]) + (sum[s][2] + sum[s][3]);
        for (int l = 0; l < P::kWidth; ++l) total[s] += static_cast<double>(P::lane(joined, l));
      }
    }
    for (; i < count; ++i) {
      const auto terms = term.template operator()<Pack<T, 1>>(base + i, centre[c]);
      for (int s = 0; s < kSums; ++s) total[s] += static_cast<double>(terms.values[s]);
    }
    for (int s = 0; s < kSums; ++s) sums[s * channels + c] = total[s];
  }
}

template <class T, int kSums, class Term>
void sum_part(const ChannelCall& call, int64_t part, const T* centre, double* sums, const Term& term) {
  if (call.inner > 1)
    sum_runs<T, kSums>(call, part, centre, sums, term);
  else
    sum_rows<T, kSums>(call, part, centre, sums, term);
}

template <class P, int kSums>
struct Terms {
  typename P::Value values[kSums];
};

// Calls fn(part) for all parts.
template <class Fn>
void for_parts(const ChannelCall& call, Fn&& fn) {
  parallel_for(parts(call), 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) fn(part);
  });
}

// Per part: the mean in the first C values, the squared deviations from it in the second. Parts are joined by the
// formula of Chan, Golub and LeVeque (1979).
template <class T>
void statistics(const ChannelCall& call, const T* x, double* partial, T* centres, double* mean, double* var) {
  const int64_t channels = call.channels;
  for_parts(call, [&](int64_t part) {
    double* means = partial + part * 2 * channels;
    double* squares = means + channels;
    T* centre = centres + part * channels;
    const double count = static_cast<double>(part_count(call, part));
    std::fill_n(centre, channels, T{0});
    sum_part<T, 1>(call, part, centre, means,
                   [x]<class P>(int64_t at, typename P::Value) { return Terms<P, 1>{{P::load(x + at)}}; });
    for (int64_t c = 0; c < channels; ++c) {
      means[c] /= count;
      centre[c] = static_cast<T>(means[c]);
    }
    sum_part<T, 1>(call, part, centre, squares, [x]<class P>(int64_t at, typename P::Value middle) {
      const auto d = P::load(x + at) - middle;
      return Terms<P, 1>{{d * d}};
    });
    for (int64_t c = 0; c < channels; ++c) {
      const double off = means[c] - static_cast<double>(centre[c]);  // the rounding of the centre
      squares[c] -= count * off * off;
    }
  });
  const int64_t n = parts(call);
  parallel_for(channels, std::max<int64_t>(1, kGrain / n), [&](int64_t begin, int64_t end) {
    std::copy(partial + begin, partial + end, mean + begin);
    std::copy(partial + channels + begin, partial + channels + end, var + begin);
    double seen = static_cast<double>(part_count(call, 0));
    for (int64_t part = 1; part < n; ++part) {
      const double count = static_cast<double>(part_count(call, part));
      const double share = count / (seen + count);
      const double* means = partial + part * 2 * channels;
      for (int64_t c = begin; c < end; ++c) {
        const double delta = means[c] - mean[c];
        mean[c] += delta * share;
        var[c] += means[channels + c] + delta * delta * seen * share;
      }
      seen += count;
    }
    for (int64_t c = begin; c < end; ++c) var[c] = std::max(var[c] / seen, 0.0);
  });
}

template <class T>
void gradient_sums(const ChannelCall& call, const T* grad, const T* x, const T* mean, double* partial, double* sums) {
  const int64_t width = 2 * call.channels, n = parts(call);
  for_parts(call, [&](int64_t part) {
    sum_part<T, 2>(call, part, mean, partial + part * width, [=]<class P>(int64_t at, typename P::Value middle) {
      const auto g = P::load(grad + at);
      return Terms<P, 2>{{g, g * (P::load(x + at) - middle)}};
    });
  });
  parallel_for(width, std::max<int64_t>(1, kGrain / n), [&](int64_t begin, int64_t end) {
    std::copy(partial + begin, partial + end, sums + begin);
    for (int64_t part = 1; part < n; ++part)
      for (int64_t c = begin; c < end; ++c) sums[c] += partial[part * width + c];
  });
}

// Calls fn.operator()<P>(offset, at(c)...) for all values, where at(c) is pack c of a per-channel array or its value
// spread.
template <class T, class Fn>
void for_values(const ChannelCall& call, Fn&& fn) {
  const int64_t channels = call.channels;
  if (call.inner == 1) {
    parallel_for(call.outer, std::max<int64_t>(1, kGrain / channels), [&](int64_t begin, int64_t end) {
      // A few packs of channels at a time for all rows of a cache-sized group, so that coefficients stay in registers.
      constexpr int64_t kRows = 32;
      for (int64_t row = begin; row < end; row += kRows)
        for_packs<T>(channels, [&]<class P, int kCount>(int64_t at) {
          for (int64_t r = row; r < std::min(row + kRows, end); ++r)
#pragma GCC unroll 4
            for (int j = 0; j < kCount; ++j) {
              const int64_t c = at + j * P::kWidth;
              fn.template operator()<P>(r * channels + c, [c](const T* p) { return P::load(p + c); });
            }
        });
    });
    return;
  }
  parallel_for(call.outer * channels, std::max<int64_t>(1, kGrain / call.inner), [&](int64_t begin, int64_t end) {
    for (int64_t run = begin; run < end; ++run) {
      const int64_t c = run % channels;
      for_packs<T>(call.inner, [&]<class P, int kCount>(int64_t at) {
#pragma GCC unroll 4
        for (int j = 0; j < kCount; ++j)
          fn.template operator()<P>(run * call.inner + at + j * P::kWidth,
                                    [c](const T* p) { return typename P::Value{} + p[c]; });
      });
    }
  });
}

template <class T>
void normalize(const ChannelCall& call, const T* x, const T* mean, const T* scale, const T* shift, T* y) {
  for_values<T>(call, [=]<class P>(int64_t at, auto channel) {
    P::store(y + at, (P::load(x + at) - channel(mean)) * channel(scale) + channel(shift));
  });
}

template <class T>
void gradient(const ChannelCall& call, const T* grad, const T* x, const T* mean, const T* scale, const T* slope,
              const T* shift, T* grad_x) {
  for_values<T>(call, [=]<class P>(int64_t at, auto channel) {
    P::store(grad_x + at,
             P::load(grad + at) * channel(scale) - (P::load(x + at) - channel(mean)) * channel(slope) - channel(shift));
  });
}

// fn(value of the element type).
template <class Fn>
void visit(DType dtype, Fn&& fn) {
  if (dtype == DType::f32)
    fn(float{});
  else
    fn(double{});
}
template <class T>
const T* in(const void* p) {
  return static_cast<const T*>(p);
}

constexpr BatchNormLoops kLoops{
    .parts = &parts,
    .statistics =
        [](const ChannelCall& call, const void* x, double* partial, void* centres, double* mean, double* var) {
          visit(call.dtype,
                [&]<class T>(T) { statistics(call, in<T>(x), partial, static_cast<T*>(centres), mean, var); });
        },
    .gradient_sums =
        [](const ChannelCall& call, const void* grad, const void* x, const void* mean, double* partial, double* sums) {
          visit(call.dtype,
                [&]<class T>(T) { gradient_sums(call, in<T>(grad), in<T>(x), in<T>(mean), partial, sums); });
        },
    .normalize =
        [](const ChannelCall& call, const void* x, const void* mean, const void* scale, const void* shift, void* y) {
          visit(call.dtype, [&]<class T>(T) {
            normalize(call, in<T>(x), in<T>(mean), in<T>(scale), in<T>(shift), static_cast<T*>(y));
          });
        },
    .gradient =
        [](const ChannelCall& call, const void* grad, const void* x, const void* mean, const void* scale,
           const void* slope, const void* shift, void* grad_x) {
          visit(call.dtype, [&]<class T>(T) {
            gradient(call, in<T>(grad), in<T>(x), in<T>(mean), in<T>(scale), in<T>(slope), in<T>(shift),
                     static_cast<T*>(grad_x));
          });
        },
};

}  // namespace

void register_batch_norm_cpu();
void register_batch_norm_cpu() { batch_norm_loops = &kLoops; }

}  // namespace farro::FARRO_ISA
