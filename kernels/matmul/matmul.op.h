// The op structs of matmul.h, for its kernels.
#pragma once

#include <farro/autograd/node/saved_tensor.h>
#include <farro/core/op/op.h>

namespace farro {

// [..., m, k] x [..., k, n], batches broadcast.
struct Matmul {
  static constexpr OpInfo info{.name = "matmul", .autocast = Autocast::half};
  struct Args {
    const Tensor& a;
    const Tensor& b;
    static constexpr std::array names{"a", "b"};
    auto fields() const { return std::tie(a, b); }
  };
  struct Saved {
    SavedTensor a, b;
    bool shared_b;           // b is one matrix for all batches of a
    bool shared_a = false;   // a is one matrix for all batches of b
    bool broadcast = false;  // some batches of one are shared by several of the other
  };
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<Matmul>&, Need need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

struct Linear {
  static constexpr OpInfo info{.name = "linear", .autocast = Autocast::half};
  static constexpr uint64_t kOptional = 0b100;
  struct Args {
    const Tensor& x;
    const Tensor& weight;
    const Tensor& bias;
    static constexpr std::array names{"x", "weight", "bias"};
    auto fields() const { return std::tie(x, weight, bias); }
  };
  struct Saved {
    SavedTensor x, weight;
  };
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<Linear>&, Need need);
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

}  // namespace farro
