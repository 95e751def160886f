// SPDX-License-Identifier: Apache-2.0
// Between PeerTensor and LibTorch's own handles; for peer/*.cpp alone.
#pragma once

#include <farro/tests/parity/peer.h>

#include <ATen/core/Tensor.h>

namespace farro::parity {

struct PeerTensor::Impl {
  at::Tensor tensor;
};

inline at::Tensor unwrap(const PeerTensor& peer) { return peer.defined() ? peer.impl()->tensor : at::Tensor(); }
inline PeerTensor wrap(const at::Tensor& tensor) {
  return tensor.defined() ? PeerTensor(std::make_shared<PeerTensor::Impl>(PeerTensor::Impl{tensor})) : PeerTensor();
}

inline std::vector<at::Tensor> unwrap(const PeerTensors& peers) {
  std::vector<at::Tensor> out;
  for (const PeerTensor& peer : peers) out.push_back(unwrap(peer));
  return out;
}

inline std::vector<int64_t> to_vector(const Dims& dims) { return {dims.begin(), dims.end()}; }

at::ScalarType to_peer(DType dtype);
DType from_peer(at::ScalarType type);

}  // namespace farro::parity
