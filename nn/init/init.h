// SPDX-License-Identifier: Apache-2.0
// Initial values of weights, in place and without recording; each gives the tensor back. Random ones take a generator,
// by default that of the tensor's device. On meta tensors they do nothing.
#pragma once

#include <farro/core/api.h>
#include <farro/core/random/generator.h>
#include <farro/core/tensor/tensor.h>

namespace farro::nn::init {

FARRO_API Tensor constant_(Tensor t, double value);
FARRO_API Tensor uniform_(Tensor t, double low = 0, double high = 1, Generator* generator = nullptr);
FARRO_API Tensor normal_(Tensor t, double mean = 0, double std = 1, Generator* generator = nullptr);
// A normal distribution cut off outside [low, high], by the inverse of its distribution function.
FARRO_API Tensor trunc_normal_(Tensor t, double mean = 0, double std = 1, double low = -2, double high = 2,
                               Generator* generator = nullptr);

enum class FanMode : uint8_t { fan_in, fan_out };
enum class Nonlinearity : uint8_t { linear, sigmoid, tanh, relu, leaky_relu, selu };

// The factor by which a nonlinearity shrinks the standard deviation (PyTorch's calculate_gain).
FARRO_API double gain(Nonlinearity nonlinearity, double slope = 0.01);

struct Fans {
  int64_t in;   // sizes[1] * sizes[2] * ...
  int64_t out;  // sizes[0] * sizes[2] * ...
};
// ShapeError for fewer than 2 dimensions.
FARRO_API Fans fans(const Shape& sizes);

// Glorot & Bengio 2010: variance gain^2 * 2 / (fan_in + fan_out).
FARRO_API Tensor xavier_uniform_(Tensor t, double gain = 1, Generator* generator = nullptr);
FARRO_API Tensor xavier_normal_(Tensor t, double gain = 1, Generator* generator = nullptr);

struct KaimingOptions {
  double slope = 0;  // of leaky_relu behind the layer
  FanMode mode = FanMode::fan_in;
  Nonlinearity nonlinearity = Nonlinearity::leaky_relu;
};
// He et al. 2015: variance gain^2 / fan.
FARRO_API Tensor kaiming_uniform_(Tensor t, const KaimingOptions& options = {}, Generator* generator = nullptr);
FARRO_API Tensor kaiming_normal_(Tensor t, const KaimingOptions& options = {}, Generator* generator = nullptr);

// Orthonormal rows (or columns, if there are fewer) of the tensor as a matrix sizes[0] x rest, times gain (Saxe et al.
// 2013). ShapeError for fewer than 2 dimensions.
FARRO_API Tensor orthogonal_(Tensor t, double gain = 1, Generator* generator = nullptr);

}  // namespace farro::nn::init
