// SPDX-License-Identifier: Apache-2.0
// Loops of the pooling ops over the window tables of pool_windows.h. Channels-last runs over blocks of channels, which
// the compiler vectorises; row-major is the same code with blocks of one. Every result element is computed by one
// thread in a fixed order: gradients are gathered by input position, so overlapping windows need no zeroing and no
// atomics.
#include <farro/core/dtype/visit.h>
#include <farro/core/parallel/parallel.h>
#include <farro/kernels/cpu/packs.h>
#include <farro/kernels/pool/pool_windows.h>

#include <algorithm>
#include <limits>
#include <type_traits>

namespace farro::FARRO_ISA {

namespace {

// Elements a thread should at least get.
constexpr int64_t kGrain = 16384;

// Row-major memory (inner == 1) needs no blocks; known at compile time, it costs nothing.
template <class T, bool kRowMajor, class Fn>
inline void for_inner(int64_t inner, Fn&& fn) {
  if constexpr (kRowMajor)
    fn.template operator()<Pack<T, 1>, 1>(int64_t{0});
  else
    for_packs<T>(inner, fn);
}

// Calls fn(outer, i0, i1) for all rows of a [outer, n0, n1] grid, in parallel.
template <class Fn>
void for_rows(int64_t outer, int64_t n0, int64_t n1, int64_t row_elements, Fn&& fn) {
  parallel_for(outer * n0 * n1, std::max<int64_t>(1, kGrain / std::max<int64_t>(row_elements, 1)),
               [&](int64_t begin, int64_t end) {
                 for (int64_t row = begin; row < end; ++row) fn(row / n1 / n0, row / n1 % n0, row % n1);
               });
}

// Calls fn(input position, tap number) for every element of the window of output (o0, o1, o2).
template <class Fn>
inline void for_window(const PoolAxis* axis, int64_t o0, int64_t o1, int64_t o2, Fn&& fn) {
  // The tables leave out what lies in the padding, so the loop has no tests.
  for (int32_t k0 = axis[0].begin[o0]; k0 < axis[0].end[o0]; ++k0) {
    const int64_t i0 = axis[0].origin[o0] + k0 * axis[0].step;
    for (int32_t k1 = axis[1].begin[o1]; k1 < axis[1].end[o1]; ++k1) {
      const int64_t i1 = i0 * axis[1].in + axis[1].origin[o1] + k1 * axis[1].step;
      const int64_t tap1 = (k0 * axis[1].window + k1) * axis[2].window;
      for (int32_t k2 = axis[2].begin[o2]; k2 < axis[2].end[o2]; ++k2)
        fn(i1 * axis[2].in + axis[2].origin[o2] + k2 * axis[2].step, static_cast<int32_t>(tap1 + k2));
    }
  }
}

int64_t window_taps(const PoolAxis* axis, int64_t o0, int64_t o1, int64_t o2) {
  const auto taps = [](const PoolAxis& a, int64_t o) { return int64_t{a.end[o] - a.begin[o]}; };
  return taps(axis[0], o0) * taps(axis[1], o1) * taps(axis[2], o2);
}

// The windows that hold the inputs of one row (i0, i1, *). It keeps what is the same along the row in registers: looked
// up for each input, the tables took most of the time of a backward pass.
class RowCover {
 public:
  RowCover(const PoolAxis* axis, int64_t i0, int64_t i1)
      : a0_(axis[0]),
        a1_(axis[1]),
        a2_(axis[2]),
        begin0_(a0_.cover_at[i0]),
        end0_(a0_.cover_at[i0 + 1]),
        begin1_(a1_.cover_at[i1]),
        end1_(a1_.cover_at[i1 + 1]) {}

  // Number of windows that hold input i2 of the row.
  int64_t count(int64_t i2) const {
    return int64_t{end0_ - begin0_} * (end1_ - begin1_) * (a2_.cover_at[i2 + 1] - a2_.cover_at[i2]);
  }

  // Calls fn(output position, tap number, o0, o1, o2) for every window that holds input i2 of the row.
  template <class Fn>
  void each(int64_t i2, Fn&& fn) const {
    // Windows that cover an input form a box: along each dimension those that cover its coordinate.
    const int32_t begin2 = a2_.cover_at[i2], end2 = a2_.cover_at[i2 + 1];
    for (int32_t j0 = begin0_; j0 < end0_; ++j0) {
      for (int32_t j1 = begin1_; j1 < end1_; ++j1) {
        const int64_t o0 = a0_.cover_out[j0], o1 = a1_.cover_out[j1];
        const int64_t row = (o0 * a1_.out + o1) * a2_.out;
        const int64_t tap1 = (a0_.cover_tap[j0] * a1_.window + a1_.cover_tap[j1]) * a2_.window;
        for (int32_t j2 = begin2; j2 < end2; ++j2) {
          const int64_t o2 = a2_.cover_out[j2];
          fn(row + o2, static_cast<int32_t>(tap1 + a2_.cover_tap[j2]), o0, o1, o2);
        }
      }
    }
  }

 private:
  const PoolAxis a0_, a1_, a2_;
  const int32_t begin0_, end0_, begin1_, end1_;
};

// A window in the padding alone may count nothing: its sum of 0 is divided by 1.
template <class Number>
Number divisor_of(const PoolAxis* axis, int64_t o0, int64_t o1, int64_t o2) {
  const Number product = static_cast<Number>(axis[0].divisor[o0]) * static_cast<Number>(axis[1].divisor[o1]) *
                         static_cast<Number>(axis[2].divisor[o2]);
  return product > 0 ? product : Number{1};
}

// Sums of kCount packs side by side. A long sum is made in runs of kRun terms that are added up in double: one running
// f32 sum of 2^20 terms loses a percent.
constexpr int64_t kRun = 64;

template <class P, int kCount, bool kLong>
class Sums {
 public:
  // term(j) is the next term of pack j.
  template <class Term>
  void add(Term&& term) {
#pragma GCC unroll 4
    for (int j = 0; j < kCount; ++j) run_[j] += term(j);
    if constexpr (kLong)
      if (++terms_ % kRun == 0) carry();
  }
  // Writes result(sum), which is asked for packs or for doubles.
  template <class T, class Result>
  void store(T* to, Result&& result) {
    if constexpr (kLong) {
      using Number = typename Pack<T, 1>::Value;
      carry();
      for (int i = 0; i < kCount * P::kWidth; ++i) to[i] = static_cast<T>(static_cast<Number>(result(total_[i])));
    } else {
#pragma GCC unroll 4
      for (int j = 0; j < kCount; ++j) P::store(to + j * P::kWidth, result(run_[j]));
    }
  }

 private:
  void carry() {
    for (int j = 0; j < kCount; ++j) {
      for (int l = 0; l < P::kWidth; ++l) total_[j * P::kWidth + l] += static_cast<double>(P::lane(run_[j], l));
      run_[j] = typename P::Value{};
    }
  }

  typename P::Value run_[kCount] = {};
  double total_[kLong ? kCount * P::kWidth : 1] = {};
  int64_t terms_ = 0;
};

// fn.operator()<whether so many terms make a long sum>().
template <class Fn>
inline void for_terms(int64_t terms, Fn&& fn) {
  if (terms > kRun)
    fn.template operator()<true>();
  else
    fn.template operator()<false>();
}

int64_t in_volume(const PoolAxis* axis) { return axis[0].in * axis[1].in * axis[2].in; }
int64_t out_volume(const PoolAxis* axis) { return axis[0].out * axis[1].out * axis[2].out; }

template <class T, class I, bool kRowMajor>
void max_forward(const PoolCall& call, const T* x, T* out, I* indices) {
  const PoolAxis* axis = call.axis;
  const int64_t inner = call.inner;
  for_rows(call.outer, axis[0].out, axis[1].out, axis[2].out * inner, [&](int64_t n, int64_t o0, int64_t o1) {
    const T* plane = x + n * in_volume(axis) * inner;
    for (int64_t o2 = 0; o2 < axis[2].out; ++o2) {
      const int64_t to = (((n * axis[0].out + o0) * axis[1].out + o1) * axis[2].out + o2) * inner;
      const int64_t first =
          (axis[0].begin[o0] * axis[1].window + axis[1].begin[o1]) * axis[2].window + axis[2].begin[o2];
      for_inner<T, kRowMajor>(inner, [&]<class P, int kCount>(int64_t at) {
        using Value = typename P::Value;
        using Integer = typename P::Integer;
        Value best[kCount];
        Integer which[kCount];
#pragma GCC unroll 4
        for (int j = 0; j < kCount; ++j) {
          // -infinity is the least value, so `first`, the window's first element, stands where all are -infinity.
          best[j] = Value{} - std::numeric_limits<float>::infinity();
          which[j] = Integer{} + static_cast<typename P::Lane>(first);
        }
        for_window(axis, o0, o1, o2, [&](int64_t from, int32_t tap) {
          const T* source = plane + from * inner + at;
#pragma GCC unroll 4
          for (int j = 0; j < kCount; ++j) {
            const Value value = P::load(source + j * P::kWidth);
            // NaN wins over everything, and among NaN the last.
            const auto take = (value > best[j]) | (value != value);
            best[j] = take ? value : best[j];
            which[j] = take ? Integer{} + static_cast<typename P::Lane>(tap) : which[j];
          }
        });
#pragma GCC unroll 4
        for (int j = 0; j < kCount; ++j) {
          P::store(out + to + at + j * P::kWidth, best[j]);
          P::store_integers(indices + to + at + j * P::kWidth, which[j]);
        }
      });
    }
  });
}

template <class T, class I, bool kRowMajor>
void max_backward(const PoolCall& call, const T* grad, const I* indices, T* grad_x) {
  const PoolAxis* axis = call.axis;
  const int64_t inner = call.inner;
  for_rows(call.outer, axis[0].in, axis[1].in, axis[2].in * inner, [&](int64_t n, int64_t i0, int64_t i1) {
    const int64_t plane = n * out_volume(axis) * inner;
    const RowCover cover(axis, i0, i1);
    for (int64_t i2 = 0, in2 = axis[2].in; i2 < in2; ++i2) {
      T* to = grad_x + (((n * axis[0].in + i0) * axis[1].in + i1) * axis[2].in + i2) * inner;
      for_inner<T, kRowMajor>(inner, [&]<class P, int kCount>(int64_t at) {
        for_terms(cover.count(i2), [&]<bool kLong>() {
          Sums<P, kCount, kLong> sums;
          cover.each(i2, [&](int64_t from, int32_t tap, int64_t, int64_t, int64_t) {
            const int64_t source = plane + from * inner + at;
            sums.add([&](int j) {
              // The indices are numbers of taps within a window, not positions: an input knows the tap by which each of
              // its windows would name it.
              const auto here =
                  P::load_integers(indices + source + j * P::kWidth) == static_cast<typename P::Lane>(tap);
              return here ? P::load(grad + source + j * P::kWidth) : typename P::Value{};
            });
          });
          sums.store(to + at, [](auto sum) { return sum; });
        });
      });
    }
  });
}

template <class T, class I, bool kRowMajor>
void max_gather(const PoolCall& call, const T* x, const I* indices, T* out) {
  const PoolAxis* axis = call.axis;
  const int64_t inner = call.inner;
  for_rows(call.outer, axis[0].out, axis[1].out, axis[2].out * inner, [&](int64_t n, int64_t o0, int64_t o1) {
    const T* plane = x + n * in_volume(axis) * inner;
    for (int64_t o2 = 0; o2 < axis[2].out; ++o2) {
      const int64_t to = (((n * axis[0].out + o0) * axis[1].out + o1) * axis[2].out + o2) * inner;
      for (int64_t c = 0; c < inner; ++c) out[to + c] = T(0);
      for_window(axis, o0, o1, o2, [&](int64_t from, int32_t tap) {
        for (int64_t c = 0; c < inner; ++c)
          // The transpose of max_backward: reads the element that won.
          if (static_cast<int32_t>(indices[to + c]) == tap) out[to + c] = plane[from * inner + c];
      });
    }
  });
}

template <class T, bool kRowMajor>
void avg_forward(const PoolCall& call, const T* x, T* out) {
  using Number = typename Pack<T, 1>::Value;
  const PoolAxis* axis = call.axis;
  const int64_t inner = call.inner;
  for_rows(call.outer, axis[0].out, axis[1].out, axis[2].out * inner, [&](int64_t n, int64_t o0, int64_t o1) {
    const T* plane = x + n * in_volume(axis) * inner;
    for (int64_t o2 = 0; o2 < axis[2].out; ++o2) {
      T* to = out + (((n * axis[0].out + o0) * axis[1].out + o1) * axis[2].out + o2) * inner;
      const Number divisor = divisor_of<Number>(axis, o0, o1, o2);
      for_inner<T, kRowMajor>(inner, [&]<class P, int kCount>(int64_t at) {
        for_terms(window_taps(axis, o0, o1, o2), [&]<bool kLong>() {
          Sums<P, kCount, kLong> sums;
          for_window(axis, o0, o1, o2, [&](int64_t from, int32_t) {
            const T* source = plane + from * inner + at;
            sums.add([&](int j) { return P::load(source + j * P::kWidth); });
          });
          sums.store(to + at, [divisor](auto sum) { return sum / divisor; });
        });
      });
    }
  });
}

template <class T, bool kRowMajor>
void avg_backward(const PoolCall& call, const T* grad, T* grad_x) {
  using Number = typename Pack<T, 1>::Value;
  const PoolAxis* axis = call.axis;
  const int64_t inner = call.inner;
  for_rows(call.outer, axis[0].in, axis[1].in, axis[2].in * inner, [&](int64_t n, int64_t i0, int64_t i1) {
    const T* plane = grad + n * out_volume(axis) * inner;
    const RowCover cover(axis, i0, i1);
    for (int64_t i2 = 0, in2 = axis[2].in; i2 < in2; ++i2) {
      T* to = grad_x + (((n * axis[0].in + i0) * axis[1].in + i1) * axis[2].in + i2) * inner;
      for_inner<T, kRowMajor>(inner, [&]<class P, int kCount>(int64_t at) {
        for_terms(cover.count(i2), [&]<bool kLong>() {
          Sums<P, kCount, kLong> sums;
          cover.each(i2, [&](int64_t from, int32_t, int64_t o0, int64_t o1, int64_t o2) {
            const T* source = plane + from * inner + at;
            const Number divisor = divisor_of<Number>(axis, o0, o1, o2);
            sums.add([&](int j) { return P::load(source + j * P::kWidth) / divisor; });
          });
          sums.store(to + at, [](auto sum) { return sum; });
        });
      });
    }
  });
}

// fn(value of the element type, value of the index type, whether row-major as std::bool_constant).
template <class Fn>
void visit_call(const PoolCall& call, Fn&& fn) {
  visit_f32_f64("pool", call.dtype, [&]<class T>(TypeTag<T>) {
    const auto with_index = [&](auto row_major) {
      if (call.index_dtype == DType::u8)
        fn(T{}, uint8_t{}, row_major);
      else
        fn(T{}, int32_t{}, row_major);
    };
    if (call.inner == 1)
      with_index(std::true_type{});
    else
      with_index(std::false_type{});
  });
}
template <class Fn>
void visit_call_without_indices(const PoolCall& call, Fn&& fn) {
  visit_f32_f64("pool", call.dtype, [&]<class T>(TypeTag<T>) {
    if (call.inner == 1)
      fn(T{}, std::true_type{});
    else
      fn(T{}, std::false_type{});
  });
}

constexpr PoolLoops kLoops{
    .max_forward =
        [](const PoolCall& call, const void* x, void* out, void* indices) {
          visit_call(call, [&]<class T, class I, bool kRowMajor>(T, I, std::bool_constant<kRowMajor>) {
            max_forward<T, I, kRowMajor>(call, static_cast<const T*>(x), static_cast<T*>(out),
                                         static_cast<I*>(indices));
          });
        },
    .max_backward =
        [](const PoolCall& call, const void* grad, const void* indices, void* grad_x) {
          visit_call(call, [&]<class T, class I, bool kRowMajor>(T, I, std::bool_constant<kRowMajor>) {
            max_backward<T, I, kRowMajor>(call, static_cast<const T*>(grad), static_cast<const I*>(indices),
                                          static_cast<T*>(grad_x));
          });
        },
    .max_gather =
        [](const PoolCall& call, const void* x, const void* indices, void* out) {
          visit_call(call, [&]<class T, class I, bool kRowMajor>(T, I, std::bool_constant<kRowMajor>) {
            max_gather<T, I, kRowMajor>(call, static_cast<const T*>(x), static_cast<const I*>(indices),
                                        static_cast<T*>(out));
          });
        },
    .avg_forward =
        [](const PoolCall& call, const void* x, void* out) {
          visit_call_without_indices(call, [&]<class T, bool kRowMajor>(T, std::bool_constant<kRowMajor>) {
            avg_forward<T, kRowMajor>(call, static_cast<const T*>(x), static_cast<T*>(out));
          });
        },
    .avg_backward =
        [](const PoolCall& call, const void* grad, void* grad_x) {
          visit_call_without_indices(call, [&]<class T, bool kRowMajor>(T, std::bool_constant<kRowMajor>) {
            avg_backward<T, kRowMajor>(call, static_cast<const T*>(grad), static_cast<T*>(grad_x));
          });
        },
};

}  // namespace

void register_pool_cpu();
void register_pool_cpu() { loops<PoolLoops> = &kLoops; }

}  // namespace farro::FARRO_ISA
