// SPDX-License-Identifier: Apache-2.0
// Faults on purpose, one for each sanitizer, which must see them: `planted out_of_bounds CASE | overflow | race`.
#include <farro/core/tensor/tensor.h>

#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string_view>
#include <thread>

namespace {

using namespace farro;

// 6 sizes, of 1 byte to 1 MiB, x 4 dtypes x reading and writing, one element behind the last; 8 more in front of the
// first.
constexpr int kSizes = 6, kCases = kSizes * 4 * 2 + 8;

template <class T>
void touch(const Tensor& t, int64_t at, bool write) {
  volatile T* data = t.data<T>();
  if (write) {
    data[at] = T(1);
  } else {
    static_cast<void>(T(data[at]));
  }
}

void out_of_bounds(int which) {
  constexpr int64_t sizes[kSizes] = {1, 7, 100, 112, 1000, 1'000'000};
  const bool in_front = which >= kSizes * 8, write = which % 2 != 0;
  const int64_t size = in_front ? 1000 : sizes[which / 8];
  const DType dtypes[] = {DType::f32, DType::f64, DType::i64, DType::u8};
  const DType dtype = dtypes[which / 2 % 4];
  const Tensor t = empty({size}, {.dtype = dtype});
  const int64_t at = in_front ? -1 : size;
  if (dtype == DType::f32) touch<float>(t, at, write);
  if (dtype == DType::f64) touch<double>(t, at, write);
  if (dtype == DType::i64) touch<int64_t>(t, at, write);
  if (dtype == DType::u8) touch<uint8_t>(t, at, write);
}

void overflow(int by) {
  volatile int most = std::numeric_limits<int>::max();
  volatile int sum = most + by;
  static_cast<void>(sum);
}

void race() {
  Tensor t = empty({1});
  const auto count = [&] {
    for (int i = 0; i < 1000; ++i) *t.data<float>() += 1;
  };
  std::thread other(count);
  count();
  other.join();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  const int number = argc > 2 ? std::atoi(argv[2]) : 0;
  if (what == "cases") return std::printf("%d\n", kCases), 0;
  if (what == "out_of_bounds")
    out_of_bounds(number);
  else if (what == "overflow")
    overflow(argc);
  else if (what == "race")
    race();
  else
    return std::fprintf(stderr, "usage: planted cases | out_of_bounds CASE | overflow | race\n"), 2;
  std::printf("not seen\n");
}
