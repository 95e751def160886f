// SPDX-License-Identifier: Apache-2.0
// Copies between any strides, without conversion. Three cases after dimensions are merged: rows that are dense on both
// sides, rows that are not, and transpositions, which go by tiles of vectors.
#include <farro/kernels/memory/strided_copy.h>

#include <farro/core/dtype/visit.h>
#include <farro/core/parallel/parallel.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace farro {

namespace {

// Bytes below which one thread does the work.
constexpr int64_t kGrainBytes = 1 << 18;

struct Dimension {
  int64_t size, out, in;
};

// The loop nest, outermost first, by falling output stride; neighbours that both sides walk as one are merged.
struct Nest {
  int rank = 0;
  Dimension dims[kMaxDims];

  Nest(const Shape& sizes, const Strides& out, const Strides& in) noexcept {
    for (int i = 0; i < sizes.size(); ++i) {
      if (sizes[i] == 1) continue;
      int at = rank++;
      for (; at > 0 && dims[at - 1].out < out[i]; --at) dims[at] = dims[at - 1];
      dims[at] = {sizes[i], out[i], in[i]};
    }
    int kept = 0;
    for (int i = 0; i < rank; ++i) {
      const Dimension d = dims[i];
      if (kept > 0 && dims[kept - 1].out == d.out * d.size && dims[kept - 1].in == d.in * d.size) {
        dims[kept - 1] = {dims[kept - 1].size * d.size, d.out, d.in};
      } else {
        dims[kept++] = d;
      }
    }
    rank = kept;
  }

  // Takes a dimension out of the nest.
  Dimension remove(int at) noexcept {
    const Dimension removed = dims[at];
    std::copy(dims + at + 1, dims + rank--, dims + at);
    return removed;
  }

  int64_t count() const noexcept {
    int64_t n = 1;
    for (int i = 0; i < rank; ++i) n *= dims[i].size;
    return n;
  }

  // Calls fn(out offset, in offset) for the index tuples number [begin, end).
  template <class Fn>
  void walk(int64_t begin, int64_t end, Fn&& fn) const {
    // Divisions for the first tuple only; from there on it counts like an odometer.
    int64_t index[kMaxDims] = {}, out = 0, in = 0, rest = begin;
    for (int i = rank - 1; i >= 0; --i) {
      index[i] = rest % dims[i].size;
      rest /= dims[i].size;
      out += index[i] * dims[i].out;
      in += index[i] * dims[i].in;
    }
    for (int64_t n = begin; n < end; ++n) {
      fn(out, in);
      for (int i = rank - 1; i >= 0; --i) {
        out += dims[i].out;
        in += dims[i].in;
        if (++index[i] < dims[i].size) break;
        index[i] = 0;
        out -= dims[i].size * dims[i].out;
        in -= dims[i].size * dims[i].in;
      }
    }
  }
};

template <class T>
void copy_row(T* out, const T* in, const Dimension& d) noexcept {
  if (d.out == 1 && d.in == 1) {
    if (d.size * static_cast<int64_t>(sizeof(T)) >= 128) {
      std::memcpy(out, in, static_cast<size_t>(d.size) * sizeof(T));
    } else {
      for (int64_t i = 0; i < d.size; ++i) out[i] = in[i];
    }
  } else if (d.out == 1 && d.in == 0) {
    std::fill_n(out, d.size, *in);
  } else if (d.out == 1) {
    for (int64_t i = 0; i < d.size; ++i) out[i] = in[i * d.in];
  } else {
    for (int64_t i = 0; i < d.size; ++i) out[i * d.out] = in[i * d.in];
  }
}

// --- transposition: the output is dense along one dimension, the input along another

template <class T>
struct Vector {
  static constexpr int kItems = 16 / sizeof(T);
  typedef T Type [[gnu::vector_size(16)]];

  // a[0], b[0], a[1], b[1], ... from the lower (offset 0) or upper (offset kItems / 2) halves.
  template <int offset, int... i>
  [[gnu::always_inline]] static Type interleave(Type a, Type b, std::integer_sequence<int, i...>) noexcept {
    return __builtin_shufflevector(a, b, (i / 2 + offset + i % 2 * kItems)...);
  }
};

// A square of kItems x kItems. Each step deals rows k and k + kItems/2 like two halves of a pack of cards; after
// log2(kItems) steps every element is in its place.
template <class T>
[[gnu::always_inline]] inline void transpose_square(T* out, int64_t out_stride, const T* in,
                                                    int64_t in_stride) noexcept {
  using V = Vector<T>;
  constexpr int n = V::kItems;
  typename V::Type rows[n], dealt[n];
  for (int i = 0; i < n; ++i) std::memcpy(&rows[i], in + i * in_stride, 16);
#pragma GCC unroll 4
  for (int step = 1; step < n; step *= 2) {
#pragma GCC unroll 16
    for (int k = 0; k < n / 2; ++k) {
      dealt[2 * k] = V::template interleave<0>(rows[k], rows[k + n / 2], std::make_integer_sequence<int, n>{});
      dealt[2 * k + 1] = V::template interleave<n / 2>(rows[k], rows[k + n / 2], std::make_integer_sequence<int, n>{});
    }
#pragma GCC unroll 16
    for (int k = 0; k < n; ++k) rows[k] = dealt[k];
  }
  for (int i = 0; i < n; ++i) std::memcpy(out + i * out_stride, &rows[i], 16);
}

// out[r * out_stride + c] = in[c * in_stride + r]. Strips of one cache line of the input: a line is used up before the
// next is read, for where the stride is a power of 2 they all compete for the same place in the cache.
template <class T>
void transpose_tile(T* out, int64_t out_stride, const T* in, int64_t in_stride, int64_t rows,
                    int64_t columns) noexcept {
  constexpr int64_t n = Vector<T>::kItems, kStrip = std::max<int64_t>(64 / static_cast<int64_t>(sizeof(T)), n);
  const int64_t whole_rows = rows / n * n, whole_columns = columns / n * n;
  for (int64_t strip = 0; strip < whole_rows; strip += kStrip)
    for (int64_t c = 0; c < whole_columns; c += n)
      for (int64_t r = strip; r < std::min(strip + kStrip, whole_rows); r += n)
        transpose_square(out + r * out_stride + c, out_stride, in + c * in_stride + r, in_stride);
  // What does not fill a square of vectors, element by element.
  for (int64_t c = 0; c < columns; ++c)
    for (int64_t r = c < whole_columns ? whole_rows : 0; r < rows; ++r) out[r * out_stride + c] = in[c * in_stride + r];
}

// `across` is dense in the input, `along` in the output. Tiles of 512 bytes each way touch few enough pages for the
// TLB: with tiles of one cache line a 4096 x 4096 float matrix takes 2.4 times as long.
template <class T>
void transpose(T* out, const T* in, const Nest& outer, Dimension across, Dimension along) {
  constexpr int64_t kTile = 512 / static_cast<int64_t>(sizeof(T));
  const int64_t tile_rows = (across.size + kTile - 1) / kTile, tile_columns = (along.size + kTile - 1) / kTile;
  const int64_t tiles = tile_rows * tile_columns;
  const int64_t tile_bytes =
      std::min(kTile, across.size) * std::min(kTile, along.size) * static_cast<int64_t>(sizeof(T));
  parallel_for(outer.count() * tiles, std::max<int64_t>(kGrainBytes / tile_bytes, 1), [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t plane = unit / tiles, tile = unit % tiles;
      const int64_t r = tile / tile_columns * kTile, c = tile % tile_columns * kTile;
      outer.walk(plane, plane + 1, [&](int64_t out_at, int64_t in_at) {
        transpose_tile(out + out_at + r * across.out + c, across.out, in + in_at + c * along.in + r, along.in,
                       std::min(kTile, across.size - r), std::min(kTile, along.size - c));
      });
    }
  });
}

template <class T>
void copy(T* out, const T* in, Nest nest) {
  if (nest.rank == 0) {
    *out = *in;
    return;
  }
  // The dimension that is dense in the input; the last one, which is dense in the output, is left out.
  int across = -1;
  for (int i = 0; i + 1 < nest.rank; ++i)
    if (nest.dims[i].in == 1) across = i;
  const Dimension along = nest.remove(nest.rank - 1);
  // Narrow strips gain nothing from tiles.
  if (across >= 0 && along.out == 1 && along.in > 1 && nest.dims[across].size >= Vector<T>::kItems / 2) {
    const Dimension rows = nest.remove(across);
    return transpose(out, in, nest, rows, along);
  }
  const int64_t row_bytes = along.size * static_cast<int64_t>(sizeof(T));
  parallel_for(nest.count(), std::max<int64_t>(kGrainBytes / row_bytes, 1), [&](int64_t begin, int64_t end) {
    nest.walk(begin, end, [&](int64_t out_at, int64_t in_at) { copy_row(out + out_at, in + in_at, along); });
  });
}

}  // namespace

void strided_copy(void* out, const Strides& out_strides, const void* in, const Strides& in_strides, const Shape& sizes,
                  size_t item_bytes) {
  for (int64_t size : sizes)
    if (size == 0) return;
  const Nest nest(sizes, out_strides, in_strides);
  visit_item_size(item_bytes, [&](auto tag) {
    using T = typename decltype(tag)::type;
    copy(static_cast<T*>(out), static_cast<const T*>(in), nest);
  });
}

}  // namespace farro
