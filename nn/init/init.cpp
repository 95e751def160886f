// SPDX-License-Identifier: Apache-2.0
// Initial values of weights: Glorot and Bengio 2010 (xavier), He et al. 2015 (kaiming), normal, uniform and truncated
// normal distributions. They write in place and record nothing.
#include <farro/nn/init/init.h>

#include <farro/autograd/node/grad_mode.h>
#include <farro/kernels/random/random.h>

#include <cmath>

namespace farro::nn::init {

namespace {

Generator& pick(Generator* generator, const Tensor& t) {
  return generator ? *generator : default_generator(t.device());
}

double fan_of(const Shape& sizes, FanMode mode) {
  const Fans both = fans(sizes);
  return static_cast<double>(mode == FanMode::fan_in ? both.in : both.out);
}

// A uniform distribution of this standard deviation; nothing to spread where a fan is 0.
Tensor uniform_of_std(Tensor t, double std, Generator* generator) {
  // A uniform distribution on [-b, b] has the standard deviation b / sqrt(3).
  const double bound = std::isfinite(std) ? std::sqrt(3.0) * std : 0;
  return uniform_(std::move(t), -bound, bound, generator);
}

Tensor normal_of_std(Tensor t, double std, Generator* generator) {
  return normal_(std::move(t), 0, std::isfinite(std) ? std : 0, generator);
}

double xavier_std(const Tensor& t, double gain) {
  const Fans both = fans(t.sizes());
  // Glorot and Bengio 2010, equation 16.
  return gain * std::sqrt(2.0 / static_cast<double>(both.in + both.out));
}

double kaiming_std(const Tensor& t, const KaimingOptions& o) {
  // He et al. 2015, equations 10 and 14.
  return gain(o.nonlinearity, o.slope) / std::sqrt(fan_of(t.sizes(), o.mode));
}

// Winitzki's approximation (relative error 2e-3), then Newton's method with the derivative 2 / sqrt(pi) exp(-x^2).
double erf_inverse(double y) {
  if (y <= -1 || y >= 1) return std::copysign(INFINITY, y);
  constexpr double a = 0.147, pi = 3.14159265358979323846;
  const double log_term = std::log1p(-y * y), half = 2 / (pi * a) + log_term / 2;
  double x = std::copysign(std::sqrt(std::sqrt(half * half - log_term / a) - half), y);
  for (int i = 0; i < 3; ++i) x -= (std::erf(x) - y) * std::sqrt(pi) / 2 * std::exp(x * x);
  return x;
}

double normal_cdf(double x) { return std::erfc(-x / std::sqrt(2.0)) / 2; }

}  // namespace

Tensor constant_(Tensor t, double value) {
  const no_grad guard;
  return t.fill_(value);
}

Tensor uniform_(Tensor t, double low, double high, Generator* generator) {
  const no_grad guard;
  return farro::uniform_(t, low, high, pick(generator, t));
}

Tensor normal_(Tensor t, double mean, double std, Generator* generator) {
  const no_grad guard;
  return farro::normal_(t, mean, std, pick(generator, t));
}

Tensor trunc_normal_(Tensor t, double mean, double std, double low, double high, Generator* generator) {
  FARRO_CHECK(std > 0 && low < high, ValueError, "trunc_normal_: std must be positive and low below high, got std ",
              std, ", low ", low, ", high ", high);
  if (t.is_meta()) return t;
  const no_grad guard;
  // Inversion: a uniform number between the distribution function's values at the bounds, taken back through it.
  // Drawing until a value falls into the range could take forever where the range is improbable.
  const double from = normal_cdf((low - mean) / std), to = normal_cdf((high - mean) / std);
  Tensor values = empty(t.sizes(), {.dtype = DType::f64, .device = Device::cpu()});
  farro::uniform_(values, from, to, generator ? *generator : default_generator());
  double* data = values.data<double>();
  for (int64_t i = 0; i < values.numel(); ++i) {
    const double x = mean + std * std::sqrt(2.0) * erf_inverse(2 * data[i] - 1);
    data[i] = x < low ? low : x > high ? high : x;
  }
  return t.copy_(values);
}

double gain(Nonlinearity nonlinearity, double slope) {
  switch (nonlinearity) {
    case Nonlinearity::linear:
    case Nonlinearity::sigmoid: return 1;
    // PyTorch's values; those of relu and leaky_relu are from He et al. 2015.
    case Nonlinearity::tanh: return 5.0 / 3;
    case Nonlinearity::relu: return std::sqrt(2.0);
    case Nonlinearity::leaky_relu: return std::sqrt(2 / (1 + slope * slope));
    case Nonlinearity::selu: return 0.75;
  }
  fail<InternalError>("internal error: unknown nonlinearity");
}

Fans fans(const Shape& sizes) {
  FARRO_CHECK(sizes.size() >= 2, ShapeError, "fans: tensor must have at least 2 dimensions, got ", sizes);
  int64_t field = 1;
  for (int i = 2; i < sizes.size(); ++i) field *= sizes[i];
  // Weights are [out, in, kernel...]: what one output element reads, and what one input element is read by.
  return {sizes[1] * field, sizes[0] * field};
}

Tensor xavier_uniform_(Tensor t, double gain, Generator* generator) {
  return uniform_of_std(t, xavier_std(t, gain), generator);
}
Tensor xavier_normal_(Tensor t, double gain, Generator* generator) {
  return normal_of_std(t, xavier_std(t, gain), generator);
}
Tensor kaiming_uniform_(Tensor t, const KaimingOptions& options, Generator* generator) {
  return uniform_of_std(t, kaiming_std(t, options), generator);
}
Tensor kaiming_normal_(Tensor t, const KaimingOptions& options, Generator* generator) {
  return normal_of_std(t, kaiming_std(t, options), generator);
}

}  // namespace farro::nn::init
