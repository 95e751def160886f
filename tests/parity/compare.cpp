// SPDX-License-Identifier: Apache-2.0
// Compares tensors with LibTorch's and counts what was compared.
#include <farro/tests/parity/compare.h>

#include <farro/core/random/generator.h>
#include <farro/kernels/random/random.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace farro::parity {

namespace {

Tally counted;

double epsilon(DType dtype) {
  switch (dtype) {
    case DType::f64: return 0x1p-52;
    case DType::f32: return 0x1p-23;
    case DType::f16: return 0x1p-10;
    case DType::bf16: return 0x1p-7;
    default: return 0;
  }
}

double greatest_magnitude(const std::vector<double>& values) {
  double most = 0;
  for (double value : values)
    if (std::isfinite(value)) most = std::max(most, std::abs(value));
  return most;
}

int64_t largest(const Tensors& tensors) {
  int64_t most = 1;
  for (const Tensor& tensor : tensors)
    if (tensor.defined()) most = std::max(most, tensor.numel());
  return most;
}

// The dtype that rounds most: in a mixed computation all gradients pass through it.
DType coarsest(const Tensors& tensors) {
  DType coarse = DType::boolean;
  for (const Tensor& tensor : tensors)
    if (tensor.defined() && epsilon(tensor.dtype()) > epsilon(coarse)) coarse = tensor.dtype();
  return coarse;
}

bool is_differentiable(const Tensor& tensor) { return tensor.defined() && is_floating(tensor.dtype()); }

// The two sides of one comparison: what was computed, and the leaves that get gradients.
struct Sides {
  struct Leaf {
    std::string name;
    Tensor ours;
    PeerTensor theirs;
  };
  Tensors outputs;
  PeerTensors peer_outputs;
  std::vector<Leaf> leaves;

  void expect_same(const std::string& what) const;
};

void Sides::expect_same(const std::string& what) const {
  ASSERT_EQ(outputs.size(), peer_outputs.size()) << what;
  Tensors all = outputs;
  for (const Leaf& leaf : leaves) all.push_back(leaf.ours);
  const int64_t terms = largest(all);
  const double of_gradients = rounding(coarsest(all), terms);
  for (size_t k = 0; k < outputs.size(); ++k) {
    const std::string label = str(what, ", output ", k);
    expect_close(label, outputs[k], peer_outputs[k].to_farro(), rounding(outputs[k].dtype(), terms));
    ASSERT_EQ(outputs[k].requires_grad(), peer_outputs[k].requires_grad()) << label;
    if (!outputs[k].requires_grad()) continue;
    const Tensor gradient = randn(outputs[k].sizes(), {.dtype = outputs[k].dtype()});
    outputs[k].backward(gradient, {.retain_graph = true});
    peer_outputs[k].backward(gradient);
  }
  for (const Leaf& leaf : leaves)
    expect_close(str(what, ", gradient of ", leaf.name), leaf.ours.grad(), leaf.theirs.grad().to_farro(), of_gradients);
}

// Inputs as leaves of both sides.
struct Inputs {
  explicit Inputs(const Tensors& given) {
    for (size_t i = 0; i < given.size(); ++i) {
      ours.push_back(given[i].defined() ? given[i].detach().clone() : Tensor());
      theirs.push_back(PeerTensor::copy_of(given[i]));
      if (!is_differentiable(given[i])) continue;
      ours.back().set_requires_grad();
      theirs.back().set_requires_grad();
      leaves.push_back({str("input ", i), ours.back(), theirs.back()});
    }
  }
  Tensors ours;
  PeerTensors theirs;
  std::vector<Sides::Leaf> leaves;
};

std::vector<Sides::Leaf> parameters(const nn::ModuleBase& ours, const PeerModule& theirs) {
  std::vector<Sides::Leaf> out;
  const NamedTensors mine = ours.named_parameters();
  const NamedPeers others = theirs.parameters();
  for (size_t i = 0; i < mine.size(); ++i) out.push_back({mine[i].first, mine[i].second, others.at(i).second});
  return out;
}

template <class Named>
std::vector<std::string> names(const Named& entries) {
  std::vector<std::string> out;
  for (const auto& [name, tensor] : entries) out.push_back(name);
  return out;
}

}  // namespace

const Tally& tally() noexcept { return counted; }

double rounding(DType dtype, int64_t terms) {
  return kRoundings * epsilon(dtype) * std::sqrt(static_cast<double>(terms));
}

void expect_close(const std::string& what, const Tensor& ours, const Tensor& theirs, double relative) {
  ASSERT_EQ(ours.defined(), theirs.defined()) << what;
  if (!ours.defined()) return;
  ASSERT_EQ(to_string(ours.dtype()), to_string(theirs.dtype())) << what;
  ASSERT_EQ(to_string(ours.sizes()), to_string(theirs.sizes())) << what;
  const std::vector<double> got = ours.to_vector<double>(), want = theirs.to_vector<double>();
  const double tolerance = relative * greatest_magnitude(want);
  ++counted.tensors;
  counted.elements += static_cast<int64_t>(got.size());
  for (size_t i = 0; i < got.size(); ++i) {
    if (got[i] == want[i] || (std::isnan(got[i]) && std::isnan(want[i]))) continue;
    ASSERT_LE(std::abs(got[i] - want[i]), tolerance)
        << what << ": element " << i << " of " << to_string(ours) << " is " << got[i] << ", LibTorch's " << want[i];
  }
}

void expect_parity_of_lists(const std::string& what, const Tensors& inputs, const Ours& ours, const Theirs& theirs) {
  const Inputs in(inputs);
  Sides{ours(in.ours), theirs(in.theirs), in.leaves}.expect_same(what);
}

PeerTensors Aten::operator()(const PeerTensors& inputs) const {
  std::vector<PeerValue> args(inputs.begin(), inputs.end());
  args.insert(args.end(), more.begin(), more.end());
  return aten_all(op, args, named);
}

void copy_state(const nn::ModuleBase& ours, PeerModule& theirs) {
  ASSERT_EQ(names(ours.named_parameters()), names(theirs.parameters()));
  ASSERT_EQ(names(ours.named_buffers()), names(theirs.buffers()));
  const StateDict state = ours.state_dict();
  for (const auto& [name, peer] : theirs.parameters()) peer.assign(state.at(name));
  for (const auto& [name, peer] : theirs.buffers()) peer.assign(state.at(name));
}

void expect_same_state(const std::string& what, const nn::ModuleBase& ours, const PeerModule& theirs, double relative) {
  const StateDict state = ours.state_dict();
  const auto expect_all = [&](const NamedPeers& peers) {
    for (const auto& [name, peer] : peers)
      expect_close(str(what, ", ", name), state.at(name), peer.to_farro(), relative);
  };
  expect_all(theirs.parameters());
  expect_all(theirs.buffers());
}

void expect_parity_of_modules(const std::string& what, nn::ModuleBase& ours, PeerModule& theirs, const Tensors& inputs,
                              const Call& call, int calls) {
  ASSERT_NO_FATAL_FAILURE(copy_state(ours, theirs)) << what;
  theirs.train(ours.is_training());
  for (int i = 0; i < calls; ++i) {
    // Values of their own for every call, so that state that is kept between calls matters.
    Tensors values = inputs;
    for (Tensor& value : values)
      if (i > 0 && is_differentiable(value)) value = randn_like(value);
    Inputs in(values);
    ours.zero_grad();
    for (const auto& [name, peer] : theirs.parameters()) peer.clear_grad();
    Sides sides{{call(in.ours)}, {theirs.forward(in.theirs)}, in.leaves};
    for (const Sides::Leaf& leaf : parameters(ours, theirs)) sides.leaves.push_back(leaf);
    const std::string label = calls > 1 ? str(what, ", call ", i) : what;
    sides.expect_same(label);
    expect_same_state(label, ours, theirs, rounding(default_dtype(), largest(values)));
  }
}

void expect_parity_of_modules(const std::string& what, nn::Module& ours, PeerModule& theirs, const Tensor& input,
                              int calls) {
  expect_parity_of_modules(what, ours, theirs, Tensors{input}, [&](const Tensors& in) { return ours(in[0]); }, calls);
}

Parity::Parity() : guard_(GetParam()) { manual_seed(1); }

}  // namespace farro::parity
