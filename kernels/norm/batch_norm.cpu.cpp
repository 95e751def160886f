// SPDX-License-Identifier: Apache-2.0
// Loops of batch normalisation; see batch_norm_loops.h.
#include <farro/core/parallel/parallel.h>
#include <farro/kernels/cpu/packs.h>
#include <farro/kernels/norm/batch_norm_loops.h>

#include <algorithm>

namespace farro::FARRO_ISA {

namespace {

constexpr int64_t kPart = 16384;  // values of a part, about
// Values worth a thread.
constexpr int64_t kGrain = 16384;

// Rows of a part where channels are innermost, pieces of a run where they are not.
// Parts depend on the shape alone, so sums do not depend on the number of threads. At least 64 rows, or the parts'
// sums, two numbers for each channel, would be as much to add up as the values themselves.
int64_t rows_per_part(const ChannelCall& call) { return std::max<int64_t>(64, kPart / call.channels); }
int64_t pieces(const ChannelCall& call) { return (call.inner + kPart - 1) / kPart; }

int64_t parts(const ChannelCall& call) {
  if (call.inner > 1) return call.outer * pieces(call);
  const int64_t rows = rows_per_part(call);
  return (call.outer + rows - 1) / rows;
}

// P::kWidth values of T as doubles.
template <class P, class T>
inline typename P::Value load_wide(const T* p) {
  if constexpr (P::kWidth == 1) {
    return static_cast<double>(*p);
  } else {
    return __builtin_convertvector(Pack<T, P::kWidth>::load(p), typename P::Value);
  }
}

template <class P>
struct Terms {
  typename P::Value first, second;
};

// sums[c] and sums[C + c]: the sums over the part's values of channel c of the two terms that term(offset, centre[c])
// gives.
template <class Term>
void sum_rows(const ChannelCall& call, int64_t part, const double* centre, double* sums, const Term& term) {
  const int64_t channels = call.channels, rows = rows_per_part(call);
  const int64_t begin = part * rows, end = std::min(begin + rows, call.outer);
  // Down the rows, a few packs of channels at a time: their sums stay in registers. Sums of f32 are formed in double,
  // as there may be millions of terms.
  for_packs<double>(channels, [&]<class P, int kCount>(int64_t at) {
    typename P::Value first[kCount] = {}, second[kCount] = {}, middle[kCount];
    for (int j = 0; j < kCount; ++j) middle[j] = P::load(centre + at + j * P::kWidth);
    for (int64_t row = begin; row < end; ++row) {
#pragma GCC unroll 4
      for (int j = 0; j < kCount; ++j) {
        const Terms<P> terms = term.template operator()<P>(row * channels + at + j * P::kWidth, middle[j]);
        first[j] += terms.first;
        second[j] += terms.second;
      }
    }
    for (int j = 0; j < kCount; ++j) {
      P::store(sums + at + j * P::kWidth, first[j]);
      P::store(sums + channels + at + j * P::kWidth, second[j]);
    }
  });
}

template <class Term>
void sum_runs(const ChannelCall& call, int64_t part, const double* centre, double* sums, const Term& term) {
  const int64_t channels = call.channels, from = part % pieces(call) * kPart;
  const int64_t count = std::min(kPart, call.inner - from);
  // Row-major: a channel's values lie together in runs of `inner`, one run for each element of the batch.
  for (int64_t c = 0; c < channels; ++c) {
    const int64_t base = (part / pieces(call) * channels + c) * call.inner + from;
    using P = WidePack<double>;
    constexpr int kCount = 4, kStep = kCount * P::kWidth;
    typename P::Value first[kCount] = {}, second[kCount] = {};
    double first_rest = 0, second_rest = 0;
    int64_t i = 0;
    for (; i + kStep <= count; i += kStep) {
#pragma GCC unroll 4
      for (int j = 0; j < kCount; ++j) {
        const Terms<P> terms = term.template operator()<P>(base + i + j * P::kWidth, typename P::Value{} + centre[c]);
        first[j] += terms.first;
        second[j] += terms.second;
      }
    }
    for (; i < count; ++i) {
      const auto terms = term.template operator()<Pack<double, 1>>(base + i, centre[c]);
      first_rest += terms.first;
      second_rest += terms.second;
    }
    const auto first_sum = (first[0] + first[1]) + (first[2] + first[3]);
    const auto second_sum = (second[0] + second[1]) + (second[2] + second[3]);
    for (int l = 0; l < P::kWidth; ++l) {
      first_rest += P::lane(first_sum, l);
      second_rest += P::lane(second_sum, l);
    }
    sums[c] = first_rest;
    sums[channels + c] = second_rest;
  }
}

template <class Term>
void sum_terms(const ChannelCall& call, const double* centre, double* partial, double* sums, const Term& term) {
  const int64_t width = 2 * call.channels, n = parts(call);
  parallel_for(n, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      if (call.inner > 1)
        sum_runs(call, part, centre, partial + part * width, term);
      else
        sum_rows(call, part, centre, partial + part * width, term);
    }
  });
  parallel_for(width, std::max<int64_t>(1, kGrain / n), [&](int64_t begin, int64_t end) {
    // In the order of the parts.
    std::copy(partial + begin, partial + end, sums + begin);
    for (int64_t part = 1; part < n; ++part)
      for (int64_t i = begin; i < end; ++i) sums[i] += partial[part * width + i];
  });
}

template <class T>
void moments(const ChannelCall& call, const T* x, const double* centre, double* partial, double* sums) {
  sum_terms(call, centre, partial, sums, [x]<class P>(int64_t at, typename P::Value middle) {
    const auto d = load_wide<P>(x + at) - middle;
    return Terms<P>{d, d * d};
  });
}

template <class T>
void gradient_sums(const ChannelCall& call, const T* grad, const T* x, const double* mean, double* partial,
                   double* sums) {
  sum_terms(call, mean, partial, sums, [grad, x]<class P>(int64_t at, typename P::Value middle) {
    const auto g = load_wide<P>(grad + at);
    return Terms<P>{g, g * (load_wide<P>(x + at) - middle)};
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
    // Not x * a + b with a precomputed b = shift - mean * scale: where the mean is large beside the deviation, the two
    // products would cancel.
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
    .moments =
        [](const ChannelCall& call, const void* x, const double* centre, double* partial, double* sums) {
          visit(call.dtype, [&]<class T>(T) { moments(call, in<T>(x), centre, partial, sums); });
        },
    .gradient_sums =
        [](const ChannelCall& call, const void* grad, const void* x, const double* mean, double* partial,
           double* sums) {
          visit(call.dtype, [&]<class T>(T) { gradient_sums(call, in<T>(grad), in<T>(x), mean, partial, sums); });
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
void register_batch_norm_cpu() { loops<BatchNormLoops> = &kLoops; }

}  // namespace farro::FARRO_ISA
