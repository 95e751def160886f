// SPDX-License-Identifier: Apache-2.0
// What goes wrong inside the runtime travels as a Failure until a cuda* function turns it into a status (runtime.cpp),
// and core/cuda turns the status into a farro error with the scope attached.
#pragma once

#include <farro/core/api.h>
#include <farro/core/error/error.h>
#include <farro/core/simt_host/cuda_runtime.h>

#include <exception>
#include <string>

namespace farro::simt_host {

class FARRO_API Failure : public std::exception {
 public:
  Failure(cudaError_t status, std::string text) : status_(status), text_(std::move(text)) {}
  cudaError_t status() const noexcept { return status_; }
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  cudaError_t status_;
  std::string text_;
};

template <class... Pieces>
[[noreturn, gnu::noinline, gnu::cold]] void raise(cudaError_t status, const Pieces&... pieces) {
  throw Failure(status, str(pieces...));
}

}  // namespace farro::simt_host
