// SPDX-License-Identifier: Apache-2.0
// For *.cpu.cpp files of reductions: turns a fold into the loops of kernels/reduce/host_driver.h. A fold says how
// values are combined; `A` is double, int64_t or a vector of Lanes:
//
//     struct SumFold {
//       template <class T> using Lane = Accumulator<T>;                      // what partial results are kept in
//       template <class L> static constexpr L identity() { return 0; }
//       template <class A> static A step(A a, A x) { return a + x; }         // associative up to rounding
//       template <class T, class A> static T map(T x, A first, const void* params);     // optional, before step
//       template <class A> static A finish(A a, A first, int64_t count, const void* params);  // optional
//     };
//
//     register_reduce<Sum, SumFold>();      // an op whose Args is ReduceArgs: one pass over the input
//
// Partial results stand in kLanes lanes whatever the instruction set, so that all builds give the same bits.
#pragma once

#include <farro/core/op/op_table.h>
#include <farro/kernels/pointwise/host_driver.h>
#include <farro/kernels/reduce/host_driver.h>
#include <farro/kernels/reduce/reduce_op.h>

#include <cstring>
#include <type_traits>

namespace farro::FARRO_ISA {

template <class T>
using Accumulator = std::conditional_t<std::is_integral_v<T>, int64_t, double>;

// Four vectors of doubles under AVX-512: independent additions, so that a sum waits for memory and not for the latency
// of the one before.
inline constexpr int64_t kLanes = 32;

#if defined(__AVX512F__)
inline constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
inline constexpr int kVectorBytes = 32;
#else
inline constexpr int kVectorBytes = 16;
#endif

template <class L>
struct VectorOf {
  static constexpr int kWidth = kVectorBytes / static_cast<int>(sizeof(L));
  typedef L type __attribute__((vector_size(kVectorBytes)));
};

// kWidth values of T from memory, converted to lanes of L.
template <class L, class T>
inline typename VectorOf<L>::type load_lanes(const T* p) {
  typedef T Source __attribute__((vector_size(VectorOf<L>::kWidth * sizeof(T)), aligned(alignof(T)), may_alias));
  return __builtin_convertvector(*reinterpret_cast<const Source*>(p), typename VectorOf<L>::type);
}

// The fold of n >= kLanes values: value i goes to lane i mod kLanes, the tail behind, lanes meet in a tree.
template <class Fold, class T>
inline auto fold_run(const T* in, int64_t n) {
  using L = typename Fold::template Lane<T>;
  using V = typename VectorOf<L>::type;
  constexpr int kWidth = VectorOf<L>::kWidth, kVectors = static_cast<int>(kLanes) / kWidth;
  V lanes[kVectors];
#pragma GCC unroll 16
  for (int k = 0; k < kVectors; ++k) lanes[k] = load_lanes<L>(in + k * kWidth);
  int64_t i = kLanes;
  for (; i + kLanes <= n; i += kLanes)
#pragma GCC unroll 16
    for (int k = 0; k < kVectors; ++k) lanes[k] = Fold::step(lanes[k], load_lanes<L>(in + i + k * kWidth));
  alignas(64) L flat[kLanes];
  std::memcpy(flat, lanes, sizeof(flat));
  for (int half = kLanes / 2; half; half /= 2)
    for (int l = 0; l < half; ++l) flat[l] = Fold::step(flat[l], flat[l + half]);
  for (; i < n; ++i) flat[0] = Fold::step(flat[0], static_cast<L>(in[i]));
  return flat[0];
}

template <class Fold>
inline constexpr bool kMaps = requires { Fold::map(1.0, 1.0, nullptr); };

template <class Fold, class T>
struct FoldLoops {
  using A = Accumulator<T>;

  static A first_of(const ReduceSlots& slots, int64_t j) {
    return slots.first ? static_cast<const A*>(slots.first)[j] : A{};
  }

  static void start(const ReduceSlots& slots, int64_t outputs) {
    A* acc = static_cast<A*>(slots.values);
    for (int64_t j = 0; j < outputs; ++j) acc[j] = Fold::template identity<A>();
  }

  template <class E>
  static A fold(A acc, const E* in, int64_t n) {
    if (n >= kLanes) return Fold::step(acc, static_cast<A>(fold_run<Fold>(in, n)));
    for (int64_t i = 0; i < n; ++i) acc = Fold::step(acc, static_cast<A>(in[i]));
    return acc;
  }

  static void rows(const ReduceSlots& slots, const void* in, int64_t pitch, int64_t outputs, int64_t n, int64_t,
                   [[maybe_unused]] const void* params) {
    A* acc = static_cast<A*>(slots.values);
    for (int64_t j = 0; j < outputs; ++j) {
      const T* row = static_cast<const T*>(in) + j * pitch;
      if constexpr (kMaps<Fold>) {
        constexpr int64_t kBlock = 256;
        const A first = first_of(slots, j);
        decltype(Fold::map(*row, first, params)) mapped[kBlock];
        for (int64_t i = 0; i < n; i += kBlock) {
          const int64_t count = n - i < kBlock ? n - i : kBlock;
          for (int64_t l = 0; l < count; ++l) mapped[l] = Fold::map(row[i + l], first, params);
          acc[j] = fold(acc[j], mapped, count);
        }
      } else {
        acc[j] = fold(acc[j], row, n);
      }
    }
  }

  static void columns(const ReduceSlots& slots, const void* in, int64_t pitch, int64_t outputs, int64_t n, int64_t,
                      [[maybe_unused]] const void* params) {
    A* acc = static_cast<A*>(slots.values);
    const T* row = static_cast<const T*>(in);
    [[maybe_unused]] const A* first = static_cast<const A*>(slots.first);
    const auto value = [&](const T* line, int64_t j) {
      if constexpr (kMaps<Fold>)
        return static_cast<A>(Fold::map(line[j], first ? first[j] : A{}, params));
      else
        return static_cast<A>(line[j]);
    };
    int64_t i = 0;
    // Four rows at a time: one load and store of the accumulators for four values.
    for (; i + 4 <= n; i += 4, row += 4 * pitch) {
#pragma GCC ivdep
      for (int64_t j = 0; j < outputs; ++j) {
        const A two = Fold::step(value(row, j), value(row + pitch, j));
        const A four = Fold::step(value(row + 2 * pitch, j), value(row + 3 * pitch, j));
        acc[j] = Fold::step(acc[j], Fold::step(two, four));
      }
    }
    for (; i < n; ++i, row += pitch) {
#pragma GCC ivdep
      for (int64_t j = 0; j < outputs; ++j) acc[j] = Fold::step(acc[j], value(row, j));
    }
  }

  static void merge(const ReduceSlots& slots, const ReduceSlots& later, int64_t outputs) {
    A* acc = static_cast<A*>(slots.values);
    const A* other = static_cast<const A*>(later.values);
    for (int64_t j = 0; j < outputs; ++j) acc[j] = Fold::step(acc[j], other[j]);
  }

  static void finish(const ReduceSlots& slots, int64_t outputs, int64_t count, const void* params) {
    if constexpr (requires { Fold::finish(A{}, A{}, count, params); }) {
      A* acc = static_cast<A*>(slots.values);
      for (int64_t j = 0; j < outputs; ++j) acc[j] = Fold::finish(acc[j], first_of(slots, j), count, params);
    }
  }

  static constexpr ReduceLoops kLoops{&start, &rows, &columns, &merge, &finish};
};

// The loops of a fold for a compute type; of one that is for floating values only.
template <class Fold>
const ReduceLoops* fold_loops(DType compute) {
  if (compute == DType::f32) return &FoldLoops<Fold, float>::kLoops;
  if (compute == DType::f64) return &FoldLoops<Fold, double>::kLoops;
  return &FoldLoops<Fold, int64_t>::kLoops;
}
template <class Fold>
const ReduceLoops* real_fold_loops(DType compute) {
  return compute == DType::f64 ? &FoldLoops<Fold, double>::kLoops : &FoldLoops<Fold, float>::kLoops;
}

// Op::Args is ReduceArgs. The fold sees f32, f64 or i64, so half types are summed wide and rounded once.
template <class Op, class Fold>
void register_reduce() {
  register_kernel<Op>(DeviceType::cpu, [](Ctx&, const typename Op::Args& args, Outputs<Op>& out) {
    const DType compute = compute_type(args.input.dtype());
    run_reduce(&out[0], nullptr, args.input, reduced_dims(Op::info.name, args.input, args.dims),
               {{fold_loops<Fold>(compute), nullptr}, compute});
  });
}

// Loops that also note where an extreme value stands: the first of equal ones, the first NaN before all. Fold::step
// chooses the value, and Fold::better(x, a) says whether x goes before an a that stands ahead of it.
template <class Fold, class T>
struct IndexedLoops {
  using A = Accumulator<T>;
  using Plain = FoldLoops<Fold, T>;

  static void start(const ReduceSlots& slots, int64_t outputs) {
    Plain::start(slots, outputs);
    for (int64_t j = 0; j < outputs; ++j) slots.indices[j] = -1;  // none yet
  }

  static void take(const ReduceSlots& slots, int64_t j, A value, int64_t index) {
    A& acc = static_cast<A*>(slots.values)[j];
    // Pieces come in order, so an equal value that comes later loses.
    if (slots.indices[j] >= 0 && !Fold::better(value, acc)) return;
    acc = value;
    slots.indices[j] = index;
  }

  // Where `extreme`, or NaN, stands first.
  static int64_t find(const T* in, int64_t n, T extreme) {
    // One test per 64 values: a test per value would keep the loop from vectorising.
    constexpr int64_t kBlock = 64;
    int64_t i = 0;
    for (; i + kBlock <= n; i += kBlock) {
      int hit = 0;
      for (int64_t l = 0; l < kBlock; ++l) hit |= (in[i + l] == extreme) | (in[i + l] != in[i + l]);
      if (hit) break;
    }
    while (i < n && in[i] != extreme && in[i] == in[i]) ++i;
    return i;
  }

  static void rows(const ReduceSlots& slots, const void* in, int64_t pitch, int64_t outputs, int64_t n, int64_t at,
                   const void*) {
    if (n == 0) return;
    for (int64_t j = 0; j < outputs; ++j) {
      const T* row = static_cast<const T*>(in) + j * pitch;
      const A extreme = Plain::fold(Fold::template identity<A>(), row, n);
      take(slots, j, extreme, at + find(row, n, static_cast<T>(extreme)));
    }
  }

  static void columns(const ReduceSlots& slots, const void* in, int64_t pitch, int64_t outputs, int64_t n, int64_t at,
                      const void*) {
    A* acc = static_cast<A*>(slots.values);
    int64_t* indices = slots.indices;
    for (int64_t i = 0; i < n; ++i) {
      const T* row = static_cast<const T*>(in) + i * pitch;
#pragma GCC ivdep
      for (int64_t j = 0; j < outputs; ++j) {
        const A x = static_cast<A>(row[j]);
        const bool takes = (indices[j] < 0) | Fold::better(x, acc[j]);
        acc[j] = takes ? x : acc[j];
        indices[j] = takes ? at + i : indices[j];
      }
    }
  }

  static void merge(const ReduceSlots& slots, const ReduceSlots& later, int64_t outputs) {
    for (int64_t j = 0; j < outputs; ++j)
      if (later.indices[j] >= 0) take(slots, j, static_cast<const A*>(later.values)[j], later.indices[j]);
  }

  static constexpr ReduceLoops kLoops{&start, &rows, &columns, &merge, nullptr};
};

template <class Fold>
const ReduceLoops* indexed_loops(DType compute) {
  if (compute == DType::f32) return &IndexedLoops<Fold, float>::kLoops;
  if (compute == DType::f64) return &IndexedLoops<Fold, double>::kLoops;
  return &IndexedLoops<Fold, int64_t>::kLoops;
}

}  // namespace farro::FARRO_ISA
