// SPDX-License-Identifier: Apache-2.0
// Reference loops of the convolutions; see conv_loops.h. Each result element is one sum in a fixed order, so the number
// of threads does not show.
#include <farro/core/dtype/visit.h>
#include <farro/core/parallel/parallel.h>
#include <farro/kernels/conv/conv_loops.h>

namespace farro::FARRO_ISA {

namespace {

int64_t offset(const int64_t* strides, int64_t a, int64_t b, const int64_t* spatial) {
  return a * strides[0] + b * strides[1] + spatial[0] * strides[2] + spatial[1] * strides[3] + spatial[2] * strides[4];
}

// Index `i` as coordinates in a box.
void unravel(int64_t i, const int64_t* box, int64_t* at) {
  // Row-major, the last coordinate running fastest.
  at[2] = i % box[2];
  at[1] = i / box[2] % box[1];
  at[0] = i / box[2] / box[1];
}

// The input position that meets output `out` at kernel tap `tap`; false in the padding.
bool input_of(const ConvShape& s, const int64_t* out, const int64_t* tap, int64_t* in) {
  // in = out * stride - pad + tap * dilation, per dimension. Convolutions of fewer than three spatial dimensions have
  // leading ones of size 1, so there is one loop for all ranks.
  for (int d = 0; d < 3; ++d) {
    in[d] = out[d] * s.stride[d] - s.pad[d] + tap[d] * s.dilation[d];
    if (in[d] < 0 || in[d] >= s.in[d]) return false;
  }
  return true;
}

// The output position that meets input `in` at kernel tap `tap`; false where there is none.
bool output_of(const ConvShape& s, const int64_t* in, const int64_t* tap, int64_t* out) {
  for (int d = 0; d < 3; ++d) {
    // The same equation solved for out: it has a solution only where the stride divides.
    const int64_t scaled = in[d] + s.pad[d] - tap[d] * s.dilation[d];
    if (scaled < 0 || scaled % s.stride[d]) return false;
    out[d] = scaled / s.stride[d];
    if (out[d] >= s.out[d]) return false;
  }
  return true;
}

template <class T>
// Half types have no arithmetic of their own; all sums are formed in double, also those of f32.
double load(const T* data, int64_t i) {
  if constexpr (sizeof(T) == 2)
    return static_cast<double>(static_cast<float>(data[i]));
  else
    return static_cast<double>(data[i]);
}
template <class T>
T store(double value) {
  if constexpr (sizeof(T) == 2)
    return T(static_cast<float>(value));
  else
    return static_cast<T>(value);
}

// sum over `count` of a[i * sa] * b[i * sb].
template <class T>
double dot(const T* a, int64_t sa, const T* b, int64_t sb, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += load(a, i * sa) * load(b, i * sb);
  return sum;
}

template <class T>
void forward(const ConvGenericCall& call, const T* x, const T* weight, const T* bias, T* out) {
  const ConvShape& s = call.shape;
  const int64_t channels = s.groups * s.out_channels, pixels = s.out_pixels(), taps = s.taps();
  parallel_for(s.batch * channels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      // out[n, o, p] = bias[o] + sum over taps k and the group's channels c of x[n, c, in(p, k)] * w[o, c, k]; `c` here
      // is the first channel of o's group.
      const int64_t n = i / channels, o = i % channels, c = o / s.out_channels * s.in_channels;
      for (int64_t p = 0; p < pixels; ++p) {
        int64_t at[3], tap[3], from[3];
        unravel(p, s.out, at);
        double sum = bias ? load(bias, o) : 0;
        for (int64_t k = 0; k < taps; ++k) {
          unravel(k, s.kernel, tap);
          if (!input_of(s, at, tap, from)) continue;
          sum += dot(x + offset(call.x_strides, n, c, from), call.x_strides[1],
                     weight + offset(call.weight_strides, o, 0, tap), call.weight_strides[1], s.in_channels);
        }
        out[offset(call.out_strides, n, o, at)] = store<T>(sum);
      }
    }
  });
}

template <class T>
void backward_data(const ConvGenericCall& call, const T* grad, const T* weight, T* grad_x) {
  const ConvShape& s = call.shape;
  const int64_t channels = s.groups * s.in_channels, pixels = s.in_pixels(), taps = s.taps();
  parallel_for(s.batch * channels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      // The transpose: grad_x[n, c, p] = sum over k, o of grad[n, o, out(p, k)] * w[o, c, k], gathered instead of
      // scattered, so that each element is written once, by one thread.
      const int64_t n = i / channels, c = i % channels, o = c / s.in_channels * s.out_channels;
      for (int64_t p = 0; p < pixels; ++p) {
        int64_t at[3], tap[3], to[3];
        unravel(p, s.in, at);
        double sum = 0;
        for (int64_t k = 0; k < taps; ++k) {
          unravel(k, s.kernel, tap);
          if (!output_of(s, at, tap, to)) continue;
          sum += dot(grad + offset(call.out_strides, n, o, to), call.out_strides[1],
                     weight + offset(call.weight_strides, o, c % s.in_channels, tap), call.weight_strides[0],
                     s.out_channels);
        }
        grad_x[offset(call.x_strides, n, c, at)] = store<T>(sum);
      }
    }
  });
}

template <class T>
// One sum over batch and positions for each output channel.
void backward_bias(const ConvGenericCall& call, const T* grad, T* grad_bias) {
  const ConvShape& s = call.shape;
  parallel_for(s.groups * s.out_channels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o) {
      double sum = 0;
      for (int64_t n = 0; n < s.batch; ++n)
        for (int64_t p = 0; p < s.out_pixels(); ++p) {
          int64_t at[3];
          unravel(p, s.out, at);
          sum += load(grad, offset(call.out_strides, n, o, at));
        }
      grad_bias[o] = store<T>(sum);
    }
  });
}

template <class T>
void backward_filter(const ConvGenericCall& call, const T* grad, const T* x, T* grad_weight, T* grad_bias) {
  const ConvShape& s = call.shape;
  const int64_t taps = s.taps();
  if (grad_bias) backward_bias(call, grad, grad_bias);
  parallel_for(s.groups * s.out_channels * s.in_channels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      // grad_w[o, c, k] = sum over n, p of grad[n, o, p] * x[n, c, in(p, k)]. The batch is the inner loop (the dot)
      // because it has no border: whether a tap falls into the padding depends on p alone.
      const int64_t o = i / s.in_channels, c = i % s.in_channels, group = o / s.out_channels;
      for (int64_t k = 0; k < taps; ++k) {
        int64_t at[3], tap[3], from[3];
        unravel(k, s.kernel, tap);
        double sum = 0;
        for (int64_t p = 0; p < s.out_pixels(); ++p) {
          unravel(p, s.out, at);
          if (!input_of(s, at, tap, from)) continue;
          sum += dot(grad + offset(call.out_strides, 0, o, at), call.out_strides[0],
                     x + offset(call.x_strides, 0, group * s.in_channels + c, from), call.x_strides[0], s.batch);
        }
        grad_weight[offset(call.weight_strides, o, c, tap)] = store<T>(sum);
      }
    }
  });
}

constexpr ConvLoops kLoops{
    .generic_forward =
        [](const ConvGenericCall& call, const void* x, const void* weight, const void* bias, void* out) {
          visit_floating("conv", call.dtype, [&]<class T>(TypeTag<T>) {
            forward(call, static_cast<const T*>(x), static_cast<const T*>(weight), static_cast<const T*>(bias),
                    static_cast<T*>(out));
          });
        },
    .generic_backward_data =
        [](const ConvGenericCall& call, const void* grad, const void* weight, void* grad_x) {
          visit_floating("conv", call.dtype, [&]<class T>(TypeTag<T>) {
            backward_data(call, static_cast<const T*>(grad), static_cast<const T*>(weight), static_cast<T*>(grad_x));
          });
        },
    .generic_backward_filter =
        [](const ConvGenericCall& call, const void* grad, const void* x, void* grad_weight, void* grad_bias) {
          visit_floating("conv", call.dtype, [&]<class T>(TypeTag<T>) {
            backward_filter(call, static_cast<const T*>(grad), static_cast<const T*>(x), static_cast<T*>(grad_weight),
                            static_cast<T*>(grad_bias));
          });
        },
};

}  // namespace

void register_conv_cpu();
void register_conv_cpu() { loops<ConvLoops> = &kLoops; }

}  // namespace farro::FARRO_ISA
