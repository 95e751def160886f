// SPDX-License-Identifier: Apache-2.0
// What the tests of the host runtime share: device arrays by RAII, and running a piece of work under several schedules.
#pragma once

#include <farro/core/device/backend.h>
#include <farro/core/error/error.h>
#include <farro/core/simt_host/control.h>

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace farro::simt_test {

inline Stream stream(int device = 0) { return cuda_backend().current_stream(device); }

// An array in device memory, allocated and freed on one stream.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(size_t count, Stream where = stream())
      : count_(count), stream_(where), data_(static_cast<T*>(cuda_backend().allocate(count * sizeof(T), where))) {}
  DeviceArray(const std::vector<T>& values, Stream where = stream()) : DeviceArray(values.size(), where) {
    cuda_backend().copy_to_device(data_, values.data(), count_ * sizeof(T), stream_);
  }
  ~DeviceArray() { cuda_backend().deallocate(data_, count_ * sizeof(T), stream_); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() const { return data_; }
  std::vector<T> to_host(Stream where) const {
    std::vector<T> values(count_);
    cuda_backend().copy_to_host(values.data(), data_, count_ * sizeof(T), where);
    return values;
  }
  std::vector<T> to_host() const { return to_host(stream_); }

 private:
  size_t count_;
  Stream stream_;
  T* data_;
};

// inorder and a few adversarial seeds.
inline std::vector<simt_host::Schedule> schedules(int seeds = 4) {
  std::vector<simt_host::Schedule> all{{}};
  for (int seed = 1; seed <= seeds; ++seed) all.push_back({simt_host::Order::adversarial, static_cast<uint64_t>(seed)});
  return all;
}

// The message of the error that fn() throws; empty when it throws none.
template <class E = BackendError, class Fn>
std::string error_of(Fn&& fn) {
  try {
    fn();
  } catch (const E& error) {
    return error.what();
  }
  return {};
}

inline void expect_contains(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in: " << text;
}

}  // namespace farro::simt_test
