// SPDX-License-Identifier: Apache-2.0
// Compares what Farro and LibTorch make of the same inputs: outputs, and the gradients of everything that has one. Used
// by all *_test.cpp here. A test runs in f64 and in f32 (Parity), where both sides get bit-identical inputs.
//
// What is tolerated is the same formula everywhere and is not adjusted to any result. Both sides sum in orders of their
// own: a sum of n terms of one size carries a rounding error that grows like eps * sqrt(n), and the formulas round a
// few times before and behind their sums (the gradient of a batch norm, the longest one here, about sixteen times). So
// two right results differ by at most kRoundings * eps * sqrt(n) of the terms' size, for which the tensor's greatest
// magnitude stands. n is taken from the case: no sum has more terms than its largest tensor has elements.
#pragma once

#include <farro/nn/module/module.h>
#include <farro/tests/parity/peer.h>

#include <gtest/gtest.h>

#include <functional>

namespace farro::parity {

inline constexpr double kRoundings = 16;

// The relative difference that sums of `terms` terms may have; 0 for integers and bool.
double rounding(DType dtype, int64_t terms);

// Fails the running test, naming `what`, unless dtypes and sizes are equal and no element differs by more than
// `relative` times theirs' greatest finite magnitude. NaN equals NaN. Two undefined tensors are equal.
void expect_close(const std::string& what, const Tensor& ours, const Tensor& theirs, double relative);

using Ours = std::function<Tensors(const Tensors& inputs)>;
using Theirs = std::function<PeerTensors(const PeerTensors& inputs)>;

// Floating inputs become leaves that require gradients; undefined ones stay so. The gradient of every output that has
// one is random.
void expect_parity_of_lists(const std::string& what, const Tensors& inputs, const Ours& ours, const Theirs& theirs);

inline Tensors as_list(const Tensor& one) { return {one}; }
inline Tensors as_list(Tensors many) { return many; }
inline Tensors as_list(const std::pair<Tensor, Tensor>& two) { return {two.first, two.second}; }
inline PeerTensors as_list(const PeerTensor& one) { return {one}; }
inline PeerTensors as_list(PeerTensors many) { return many; }

// The same for functions that give one tensor, two or a list.
template <class OursFn, class TheirsFn>
void expect_parity(const std::string& what, const Tensors& inputs, const OursFn& ours, const TheirsFn& theirs) {
  expect_parity_of_lists(
      what, inputs, [&](const Tensors& in) { return as_list(ours(in)); },
      [&](const PeerTensors& in) { return as_list(theirs(in)); });
}

// An operator of the peer as a function of all inputs, followed by `more` arguments.
struct Aten {
  std::string op;
  std::vector<PeerValue> more = {};
  std::vector<NamedPeerValue> named = {};

  PeerTensors operator()(const PeerTensors& inputs) const;
};

// Parameters and buffers have the same names in the same order; theirs take the values of ours.
void copy_state(const nn::ModuleBase& ours, PeerModule& theirs);
// Both modules hold the same values.
void expect_same_state(const std::string& what, const nn::ModuleBase& ours, const PeerModule& theirs, double relative);

// After copy_state: output, gradients of inputs and parameters, and buffers, over `calls` calls with new values.
using Call = std::function<Tensor(const Tensors& inputs)>;
void expect_parity_of_modules(const std::string& what, nn::ModuleBase& ours, PeerModule& theirs, const Tensors& inputs,
                              const Call& call, int calls = 1);
void expect_parity_of_modules(const std::string& what, nn::Module& ours, PeerModule& theirs, const Tensor& input,
                              int calls = 1);

// Runs each test in f64 and in f32: the default dtype is the parameter.
class Parity : public ::testing::TestWithParam<DType> {
 protected:
  Parity();

 private:
  DefaultDTypeGuard guard_;
};
inline std::string dtype_name(const ::testing::TestParamInfo<DType>& info) { return name(info.param); }

// What has been compared so far, for the summary.
struct Tally {
  int64_t tensors = 0;
  int64_t elements = 0;
};
const Tally& tally() noexcept;

}  // namespace farro::parity
