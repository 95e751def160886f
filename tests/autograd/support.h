// SPDX-License-Identifier: Apache-2.0
// Shorthands of the autograd tests.
#pragma once

#include <farro/autograd/engine/engine.h>
#include <farro/autograd/node/grad_mode.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/pointwise/arithmetic.h>

#include <gtest/gtest.h>

#include <memory>

namespace farro::testing_support {

using V = std::vector<double>;

inline Tensor leaf(std::initializer_list<double> list) { return tensor(list).set_requires_grad(); }
inline V values(const Tensor& t) { return t.to_vector<double>(); }

// The text of the error that `fn` must throw.
template <class E, class Fn>
std::string error_of(Fn&& fn) {
  try {
    fn();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("another error: ") + error.what();
  }
  return "no error";
}
template <class E, class Fn>
bool throws(Fn&& fn) {
  const std::string text = error_of<E>(fn);
  return text != "no error" && !text.starts_with("another error");
}

// Tensors whose memory tells when it is freed.
class Probe {
 public:
  Tensor make(double value) {
    auto data = std::make_unique<float>(static_cast<float>(value));
    float* raw = data.release();
    ++*alive_;
    return from_blob(raw, {1}, {}, [raw, alive = alive_] {
      delete raw;
      --*alive;
    });
  }
  int alive() const { return *alive_; }

 private:
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace farro::testing_support
