// SPDX-License-Identifier: Apache-2.0
// The op structs of random.h, for its kernels. They take a reserved range of random blocks as an argument, so that a
// call is a pure function of its arguments. All but Bernoulli work in place only.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>
#include <farro/core/random/generator.h>

namespace farro {

// What a draw gives does not depend on what the tensor held, and that of an event on its probability is a step
// function: their gradients are zero.

struct FARRO_API Uniform {
  static constexpr OpInfo info{.name = "uniform", .autocast = Autocast::none};
  struct Args {
    const Tensor& target;
    double low, high;
    PhiloxState random;
    const Tensor& offset;  // see reserve_random.op.h
    static constexpr std::array names{"target", "low", "high", "random", "offset?"};
  };
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Uniform>& b);
  static Cost cost(const Args& args);
};

struct FARRO_API Normal {
  static constexpr OpInfo info{.name = "normal", .autocast = Autocast::none};
  struct Args {
    const Tensor& target;
    double mean, std;
    PhiloxState random;
    const Tensor& offset;  // see reserve_random.op.h
    static constexpr std::array names{"target", "mean", "std", "random", "offset?"};
  };
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Normal>& b);
  static Cost cost(const Args& args);
};

struct FARRO_API BernoulliFill {
  static constexpr OpInfo info{.name = "bernoulli_fill", .autocast = Autocast::none};
  struct Args {
    const Tensor& target;
    double p;
    PhiloxState random;
    const Tensor& offset;  // see reserve_random.op.h
    static constexpr std::array names{"target", "p", "random", "offset?"};
  };
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<BernoulliFill>& b);
  static Cost cost(const Args& args);
};

struct FARRO_API RandInt {
  static constexpr OpInfo info{.name = "randint", .autocast = Autocast::none};
  static constexpr const char* no_backward = "it fills new tensors only";
  struct Args {
    const Tensor& target;
    int64_t low, high;
    PhiloxState random;
    const Tensor& offset;  // see reserve_random.op.h
    static constexpr std::array names{"target", "low", "high", "random", "offset?"};
  };
  static TensorSpec infer(const Args& args);
  static Cost cost(const Args& args);
};

struct FARRO_API Bernoulli {
  static constexpr OpInfo info{.name = "bernoulli", .autocast = Autocast::none};
  struct Args {
    const Tensor& p;
    PhiloxState random;
    const Tensor& offset;  // see reserve_random.op.h
    static constexpr std::array names{"p", "random", "offset?"};
  };
  static TensorSpec infer(const Args& args);
  static Grads backward(const Back<Bernoulli>& b);
  static Cost cost(const Args& args);
};

// An integer draw of at most this range takes one word, else two: the bias stays below 2^-16 of a probability.
inline constexpr uint64_t kOneWordRange = uint64_t{1} << 16;

// An event of probability p in [0, 1] happens where a random word is below this.
constexpr uint64_t probability_threshold(double p) noexcept {
  const double scaled = p * 0x1p32;
  const auto floor = static_cast<uint64_t>(scaled);
  return floor + (static_cast<double>(floor) < scaled);
}

}  // namespace farro
