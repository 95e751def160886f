// The op structs of rearrange.h, for their kernels.
#pragma once

#include <farro/core/op/op.h>

namespace farro {

struct Tril {
  static constexpr OpInfo info{.name = "tril"};
  struct Args {
    const Tensor& input;
    int64_t diagonal;
    static constexpr std::array names{"input", "diagonal"};
    auto fields() const { return std::tie(input, diagonal); }
  };
  struct Saved {
    int64_t diagonal;
  };
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<Tril>&, Need) { return {args.diagonal}; }
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

struct Triu {
  static constexpr OpInfo info{.name = "triu"};
  using Args = Tril::Args;
  using Saved = Tril::Saved;
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<Triu>&, Need) { return {args.diagonal}; }
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

struct Flip {
  static constexpr OpInfo info{.name = "flip"};
  struct Args {
    const Tensor& input;
    Dims dims;  // not negative
    static constexpr std::array names{"input", "dims"};
    auto fields() const { return std::tie(input, dims); }
  };
  struct Saved {
    Dims dims;
  };
  static TensorSpec infer(const Args& args);
  static Saved save(const Args& args, const Outputs<Flip>&, Need) { return {args.dims}; }
  static Grads backward(const Saved& saved, const Grads& grads, Need need);
  static Cost cost(const Args& args);
};

}  // namespace farro
