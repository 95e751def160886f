// SPDX-License-Identifier: Apache-2.0
// Values side by side in one register, for *.cpu.cpp loops whose shape the compiler does not vectorise by itself. A
// Pack is either a vector or a single value (for tails), and the same expression works on both: a pack of T,
// comparisons that give a mask, mask ? a : b. Half precision is converted to f32 one value at a time.
#pragma once

#include <farro/core/dtype/half.h>

#include <cstdint>
#include <type_traits>

#if defined(__AVX__)
#include <immintrin.h>
#endif

namespace farro::FARRO_ISA {

#if defined(__AVX512F__)
inline constexpr int kPackBytes = 64;
#elif defined(__AVX__)
inline constexpr int kPackBytes = 32;
#else
inline constexpr int kPackBytes = 16;
#endif

template <class T>
inline constexpr bool kIsHalf = std::is_same_v<T, half> || std::is_same_v<T, bfloat16>;

// `kWidth` values of T in memory; computed as Value, beside integers of the same size.
template <class T, int kWidth_>
struct Pack {
  static constexpr int kWidth = kWidth_;
  typedef T Value __attribute__((vector_size(kWidth_ * sizeof(T))));
  using Lane = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;
  typedef Lane Integer __attribute__((vector_size(kWidth_ * sizeof(T))));

  static Value load(const T* p) {
    typedef T Unaligned __attribute__((vector_size(kWidth_ * sizeof(T)), aligned(alignof(T)), may_alias));
    return *reinterpret_cast<const Unaligned*>(p);
  }
  static T lane(Value value, int i) { return value[i]; }
  static void store(T* p, Value value) {
    typedef T Unaligned __attribute__((vector_size(kWidth_ * sizeof(T)), aligned(alignof(T)), may_alias));
    *reinterpret_cast<Unaligned*>(p) = value;
  }
  // GCC 12 takes a widening __builtin_convertvector of bytes apart into single values, which made a backward max-pool 3
  // times as slow. (The unmasked intrinsic draws its false warning of an uninitialised value.)
  template <class I>
  static Integer load_integers(const I* p) {
#if defined(__AVX512F__)
    if constexpr (sizeof(I) == 1 && kWidth == 16)
      return reinterpret_cast<Integer>(
          _mm512_maskz_cvtepu8_epi32(0xffff, _mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
#elif defined(__AVX2__)
    if constexpr (sizeof(I) == 1 && kWidth == 8)
      return reinterpret_cast<Integer>(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
#endif
    typedef I Source __attribute__((vector_size(kWidth_ * sizeof(I)), aligned(alignof(I)), may_alias));
    return __builtin_convertvector(*reinterpret_cast<const Source*>(p), Integer);
  }
  template <class I>
  static void store_integers(I* p, Integer value) {
    typedef I Target __attribute__((vector_size(kWidth_ * sizeof(I))));
    typedef I Unaligned __attribute__((vector_size(kWidth_ * sizeof(I)), aligned(alignof(I)), may_alias));
    *reinterpret_cast<Unaligned*>(p) = __builtin_convertvector(value, Target);
  }
};

template <class T>
struct Pack<T, 1> {
  static constexpr int kWidth = 1;
  using Value = std::conditional_t<kIsHalf<T>, float, T>;
  using Lane = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;
  using Integer = Lane;

  static Value load(const T* p) { return static_cast<Value>(*p); }
  static Value lane(Value value, int) { return value; }
  static void store(T* p, Value value) { *p = static_cast<T>(value); }
  template <class I>
  static Integer load_integers(const I* p) {
    return static_cast<Integer>(*p);
  }
  template <class I>
  static void store_integers(I* p, Integer value) {
    *p = static_cast<I>(value);
  }
};

// The widest pack of T.
template <class T>
using WidePack = Pack<T, kIsHalf<T> ? 1 : kPackBytes / static_cast<int>(sizeof(T))>;

// Calls fn.operator()<Pack, count>(begin) on blocks of packs that cover [0, n): four wide packs at a time, then two,
// one, and single values.
template <class T, class Fn>
inline void for_packs(int64_t n, Fn&& fn) {
  using Wide = WidePack<T>;
  int64_t at = 0;
  for (; at + 4 * Wide::kWidth <= n; at += 4 * Wide::kWidth) fn.template operator()<Wide, 4>(at);
  if (at + 2 * Wide::kWidth <= n) {
    fn.template operator()<Wide, 2>(at);
    at += 2 * Wide::kWidth;
  }
  if (at + Wide::kWidth <= n) {
    fn.template operator()<Wide, 1>(at);
    at += Wide::kWidth;
  }
  for (; at < n; ++at) fn.template operator()<Pack<T, 1>, 1>(at);
}

}  // namespace farro::FARRO_ISA
