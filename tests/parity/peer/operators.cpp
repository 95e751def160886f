// SPDX-License-Identifier: Apache-2.0
// Tensors and operators of the peer. Operators are called as LibTorch's own interpreter calls them: found by name, with
// arguments in boxes, so that a test that needs another one changes nothing here.
#include <farro/tests/parity/peer/bridge.h>

#include <ATen/Parallel.h>
#include <ATen/TensorIndexing.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/result_type.h>

#include <cstring>
#include <stdexcept>

namespace farro::parity {

namespace {

constexpr std::pair<DType, at::ScalarType> kTypes[] = {
    {DType::f64, at::kDouble}, {DType::f32, at::kFloat},    {DType::f16, at::kHalf},  {DType::bf16, at::kBFloat16},
    {DType::i64, at::kLong},   {DType::i32, at::kInt},      {DType::i16, at::kShort}, {DType::i8, at::kChar},
    {DType::u8, at::kByte},    {DType::boolean, at::kBool},
};

c10::IValue box(const PeerValue& value) {
  struct Visitor {
    c10::IValue operator()(std::monostate) const { return {}; }
    c10::IValue operator()(const PeerTensor& v) const { return v.defined() ? c10::IValue(unwrap(v)) : c10::IValue(); }
    c10::IValue operator()(const PeerTensors& v) const { return c10::IValue(unwrap(v)); }
    c10::IValue operator()(bool v) const { return c10::IValue(v); }
    c10::IValue operator()(int64_t v) const { return c10::IValue(v); }
    c10::IValue operator()(double v) const { return c10::IValue(v); }
    c10::IValue operator()(const Dims& v) const { return c10::IValue(to_vector(v)); }
    c10::IValue operator()(DType v) const { return c10::IValue(static_cast<int64_t>(to_peer(v))); }
    c10::IValue operator()(const std::string& v) const { return c10::IValue(v); }
  };
  return std::visit(Visitor{}, value);
}

// The arguments in the schema's order: those by position, those by name, the defaults.
torch::jit::Stack arrange(const c10::FunctionSchema& schema, const std::vector<PeerValue>& args,
                          const std::vector<NamedPeerValue>& named) {
  torch::jit::Stack stack;
  for (const PeerValue& value : args) stack.push_back(box(value));
  const auto& wanted = schema.arguments();
  size_t used = 0;
  for (size_t i = stack.size(); i < wanted.size(); ++i) {
    const auto given =
        std::find_if(named.begin(), named.end(), [&](const auto& entry) { return entry.first == wanted[i].name(); });
    if (given != named.end()) {
      stack.push_back(box(given->second));
      ++used;
    } else if (wanted[i].default_value()) {
      stack.push_back(*wanted[i].default_value());
    } else {
      throw std::invalid_argument(schema.name() + " wants " + wanted[i].name());
    }
  }
  if (used != named.size() || stack.size() != wanted.size())
    throw std::invalid_argument(schema.name() + " has no such arguments");
  return stack;
}

std::vector<at::indexing::TensorIndex> to_peer(const std::vector<TensorIndex>& indices) {
  struct Visitor {
    at::indexing::TensorIndex operator()(int64_t index) const { return index; }
    at::indexing::TensorIndex operator()(Slice s) const {
      const auto bound = [](std::optional<int64_t> b) { return b ? c10::optional<int64_t>(*b) : c10::nullopt; };
      return at::indexing::Slice(bound(s.start), bound(s.stop), bound(s.step));
    }
    at::indexing::TensorIndex operator()(NoneType) const { return at::indexing::None; }
    at::indexing::TensorIndex operator()(EllipsisType) const { return at::indexing::Ellipsis; }
    at::indexing::TensorIndex operator()(const Tensor& tensor) const { return unwrap(PeerTensor::copy_of(tensor)); }
  };
  std::vector<at::indexing::TensorIndex> out;
  for (const TensorIndex& index : indices) out.push_back(std::visit(Visitor{}, index.value));
  return out;
}

}  // namespace

at::ScalarType to_peer(DType dtype) {
  for (const auto& [ours, theirs] : kTypes)
    if (ours == dtype) return theirs;
  throw std::invalid_argument("no such dtype");
}
DType from_peer(at::ScalarType type) {
  for (const auto& [ours, theirs] : kTypes)
    if (theirs == type) return ours;
  throw std::invalid_argument(std::string("Farro has no ") + c10::toString(type));
}

PeerTensor PeerTensor::copy_of(const Tensor& ours) {
  if (!ours.defined()) return {};
  const at::Tensor theirs = at::empty(to_vector(ours.sizes()), to_peer(ours.dtype()));
  const Tensor rows = ours.detach().contiguous();
  if (rows.numel() > 0) std::memcpy(theirs.data_ptr(), rows.raw_data(), rows.nbytes());
  return wrap(theirs);
}

Tensor PeerTensor::to_farro() const {
  if (!defined()) return {};
  const at::Tensor rows = impl_->tensor.detach().contiguous();
  Tensor ours = empty(Dims(std::span<const int64_t>(rows.sizes().data(), rows.sizes().size())), {.dtype = dtype()});
  if (ours.numel() > 0) std::memcpy(ours.raw_data(), rows.data_ptr(), ours.nbytes());
  return ours;
}

DType PeerTensor::dtype() const { return from_peer(impl_->tensor.scalar_type()); }

void PeerTensor::assign(const Tensor& ours) const { impl_->tensor.detach().copy_(unwrap(copy_of(ours))); }

PeerTensor& PeerTensor::set_requires_grad() {
  impl_->tensor.requires_grad_();
  return *this;
}
bool PeerTensor::requires_grad() const { return impl_->tensor.requires_grad(); }
PeerTensor PeerTensor::grad() const { return wrap(impl_->tensor.grad()); }
void PeerTensor::clear_grad() const { impl_->tensor.mutable_grad() = at::Tensor(); }
void PeerTensor::backward(const Tensor& gradient) const {
  impl_->tensor.backward(unwrap(copy_of(gradient)), /*retain_graph=*/true);
}

PeerTensors aten_all(const std::string& op, const std::vector<PeerValue>& args,
                     const std::vector<NamedPeerValue>& named) {
  const size_t dot = op.find('.');
  const std::string name = "aten::" + op.substr(0, dot), overload = dot == op.npos ? "" : op.substr(dot + 1);
  const c10::OperatorHandle handle = c10::Dispatcher::singleton().findSchemaOrThrow(name.c_str(), overload.c_str());
  torch::jit::Stack stack = arrange(handle.schema(), args, named);
  handle.callBoxed(stack);
  PeerTensors out;
  for (const c10::IValue& value : stack) {
    if (value.isTensorList())
      for (const at::Tensor& tensor : value.toTensorVector()) out.push_back(wrap(tensor));
    else
      out.push_back(wrap(value.toTensor()));
  }
  return out;
}

PeerTensor aten(const std::string& op, const std::vector<PeerValue>& args, const std::vector<NamedPeerValue>& named) {
  return aten_all(op, args, named).at(0);
}

PeerTensor peer_index(const PeerTensor& x, const std::vector<TensorIndex>& indices) {
  return wrap(unwrap(x).index(to_peer(indices)));
}
PeerTensor peer_index_put(const PeerTensor& x, const std::vector<TensorIndex>& indices, const PeerTensor& values) {
  at::Tensor copy = unwrap(x).clone();
  copy.index_put_(to_peer(indices), unwrap(values));
  return wrap(copy);
}

DType peer_result_type(const PeerTensor& a, const PeerTensor& b) {
  return from_peer(at::result_type(unwrap(a), unwrap(b)));
}

void peer_use_one_thread() { at::set_num_threads(1); }

}  // namespace farro::parity
