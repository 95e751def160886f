// SPDX-License-Identifier: Apache-2.0
// Random arguments of every type that a public function takes. Most calls are made of values that fit each other, with
// one here and there that does not: a function is only reached behind its first check where the rest is in order.
#pragma once

#include <farro/farro.h>

#include <deque>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace farro::hostile {

class Draw {
 public:
  explicit Draw(uint64_t seed);

  bool chance(double p) { return std::uniform_real_distribution<>(0, 1)(random_) < p; }
  int64_t below(int64_t bound) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(bound)); }
  bool hostile() { return chance(hostility_); }

  int64_t integer();
  double real();
  Dims dims();    // of options: one entry, or one for each spatial dimension
  Shape shape();  // of a tensor
  DType dtype();
  Tensor tensor();
  Tensor tensor(const Shape& sizes, DType dtype);
  std::vector<Tensor> tensors();
  TensorOptions options();

  // What was given so far, for messages.
  const std::string& text() const { return text_; }
  void note(std::string_view piece) { (text_ += text_.empty() ? "" : "; ") += piece; }

  std::deque<std::vector<Tensor>> lists;  // behind the TensorLists that were given
  std::vector<Tensor> given;

 private:
  Tensor fresh(const Shape& sizes, DType dtype);
  Tensor disguised(const Shape& sizes, DType dtype);

  std::mt19937_64 random_;
  double hostility_;
  Shape common_;  // what most tensors of the call look like
  DType common_dtype_;
  std::string text_;
  bool given_meta_ = false, given_scalar_ = false;  // not both: a 0-dim CPU tensor counts as a number beside any device
};

template <class T>
struct Argument;

#define FARRO_HOSTILE_ARGUMENT(Type, expression)     \
  template <>                                        \
  struct Argument<Type> {                            \
    static Type draw(Draw& d) { return expression; } \
  }

FARRO_HOSTILE_ARGUMENT(int64_t, d.integer());
FARRO_HOSTILE_ARGUMENT(int, static_cast<int>(d.integer()));
FARRO_HOSTILE_ARGUMENT(double, d.real());
FARRO_HOSTILE_ARGUMENT(bool, d.chance(0.5));
FARRO_HOSTILE_ARGUMENT(Dims, d.dims());
FARRO_HOSTILE_ARGUMENT(Tensor, d.tensor());
FARRO_HOSTILE_ARGUMENT(TensorOptions, d.options());
FARRO_HOSTILE_ARGUMENT(DType, d.dtype());
FARRO_HOSTILE_ARGUMENT(Generator*, (static_cast<void>(d), nullptr));
FARRO_HOSTILE_ARGUMENT(std::vector<Tensor>, d.tensors());
FARRO_HOSTILE_ARGUMENT(TensorList, (d.lists.push_back(d.tensors()), TensorList(d.lists.back())));
FARRO_HOSTILE_ARGUMENT(Scalar, d.chance(0.5)   ? Scalar(d.real())
                               : d.chance(0.9) ? Scalar(d.integer())
                                               : Scalar(d.chance(0.5)));
FARRO_HOSTILE_ARGUMENT(Reduction, static_cast<Reduction>(d.below(3)));
FARRO_HOSTILE_ARGUMENT(GeluApproximation, static_cast<GeluApproximation>(d.below(2)));
FARRO_HOSTILE_ARGUMENT(MemoryFormat, static_cast<MemoryFormat>(d.below(2)));

template <class T>
struct Argument<std::optional<T>> {
  static std::optional<T> draw(Draw& d) {
    return d.chance(0.5) ? std::optional<T>(Argument<T>::draw(d)) : std::nullopt;
  }
};

// A shape as an argument of its own; Dims are options.
struct Sizes {
  Shape sizes;
  operator const Shape&() const { return sizes; }
};
template <>
struct Argument<Sizes> {
  static Sizes draw(Draw& d) {
    const Sizes sizes{d.shape()};
    d.note(str("sizes ", sizes.sizes));
    return sizes;
  }
};

// Defined in arguments.cpp.
#define FARRO_HOSTILE_STRUCT(Type) \
  template <>                      \
  struct Argument<Type> {          \
    static Type draw(Draw& d);     \
  }
FARRO_HOSTILE_STRUCT(ConvOptions);
FARRO_HOSTILE_STRUCT(ConvTransposeOptions);
FARRO_HOSTILE_STRUCT(PoolOptions);
FARRO_HOSTILE_STRUCT(CrossEntropyOptions);
FARRO_HOSTILE_STRUCT(NllLossOptions);
FARRO_HOSTILE_STRUCT(EmbeddingOptions);
FARRO_HOSTILE_STRUCT(AttentionOptions);
FARRO_HOSTILE_STRUCT(SgdStepOptions);
FARRO_HOSTILE_STRUCT(AdamStepOptions);
FARRO_HOSTILE_STRUCT(TensorIndex);

}  // namespace farro::hostile
