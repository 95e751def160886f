// SPDX-License-Identifier: Apache-2.0
// Random tensors. Element i (row-major) of a draw depends on the generator's state and on i alone: not on the number of
// threads, the processor, the device or the memory layout. A draw takes ceil(n / 4) Philox blocks of the generator,
// twice that for f64 and for integers of a range above 2^16. Where no generator is given, the device's default one is
// used.
#pragma once

#include <farro/core/api.h>
#include <farro/core/random/generator.h>
#include <farro/core/tensor/tensor.h>

namespace farro {

// Uniform in [0, 1), with all the bits of the dtype's significand; floating dtypes only.
FARRO_API Tensor rand(const Shape& sizes, const TensorOptions& options = {}, Generator* generator = nullptr);
FARRO_API Tensor rand_like(const Tensor& like, Generator* generator = nullptr);
// Standard normal (Box-Muller); floating dtypes only.
FARRO_API Tensor randn(const Shape& sizes, const TensorOptions& options = {}, Generator* generator = nullptr);
FARRO_API Tensor randn_like(const Tensor& like, Generator* generator = nullptr);
// Uniform integers in [low, high); i64 unless options say otherwise. ValueError where the range is empty or leaves the
// dtype.
FARRO_API Tensor randint(int64_t low, int64_t high, const Shape& sizes, const TensorOptions& options = {},
                         Generator* generator = nullptr);
// A random order of 0 ... n - 1, each equally likely; i64. Drawn on the host.
FARRO_API Tensor randperm(int64_t n, const TensorOptions& options = {}, Generator* generator = nullptr);
// 1 with probability p[i], else 0, in p's shape and floating dtype. ValueError where a probability is outside [0, 1].
FARRO_API Tensor bernoulli(const Tensor& p, Generator* generator = nullptr);

// Tensor::uniform_, normal_ and bernoulli_ with a generator. Values are low + u (high - low), mean + std z, and 1 or 0.
// half and bfloat16 may round a uniform value up to `high`, except where low is 0 and high a power of 2.
FARRO_API Tensor& uniform_(Tensor& target, double low, double high, Generator& generator);
FARRO_API Tensor& normal_(Tensor& target, double mean, double std, Generator& generator);
FARRO_API Tensor& bernoulli_(Tensor& target, double p, Generator& generator);

}  // namespace farro
