// SPDX-License-Identifier: Apache-2.0
// The op struct of reserve_random.h, and what the random ops share: a range of random blocks is a PhiloxState by value,
// to whose offset an optional 0-dim i64 tensor on the device is added. That tensor is what reserve_random gave.
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>
#include <farro/core/random/generator.h>

namespace farro {

struct FARRO_API ReserveRandom {
  static constexpr OpInfo info{.name = "reserve_random", .autocast = Autocast::none};
  static constexpr int kOutputs = 0;
  static constexpr const char* no_backward = "it counts random numbers";
  struct Args {
    const Tensor& offset;
    const Tensor& first;  // gets what offset was
    int64_t blocks;
    static constexpr std::array names{"offset", "first", "blocks"};
  };
  static void check(const Args& args);
  static std::array<TensorList, 2> changed(const Args& args) {
    return {TensorList(&args.offset, 1), TensorList(&args.first, 1)};
  }
  static Cost cost(const Args& args);
};

struct DrawRange {
  PhiloxState random;
  Tensor offset;  // undefined where `random` says all
};

// The next `blocks` blocks of a generator of either form, for a draw on `device`.
DrawRange reserve_range(Generator& generator, Device device, int64_t blocks);

// The check of an op's optional offset: DTypeError unless i64, ShapeError unless 0-dim.
void check_offset(const char* op, const Tensor& offset);

// Where a call on the CPU begins to draw.
template <class Args>
PhiloxState random_of(const Args& args) noexcept {
  PhiloxState state = args.random;
  if (args.offset.defined())
    state.offset += static_cast<uint64_t>(*static_cast<const int64_t*>(args.offset.raw_data()));
  return state;
}

}  // namespace farro
