// SPDX-License-Identifier: Apache-2.0
// Samples of digest, beside a hash of the same definition that takes the bytes one after another.
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/reduce/digest.h>
#include <farro/tests/opcheck/sample.h>

namespace farro::opcheck {
namespace {

uint64_t mixed(uint64_t key, uint64_t at, uint64_t word) {
  uint64_t z = (word ^ word >> 32) * 0x6a09e667f3bcc909u;
  z = z ^ (key + at * 0x9e3779b97f4a7c15u);
  z = (z ^ z >> 29) * 0xbb67ae8584caa73bu;
  return z ^ z >> 32;
}

uint64_t expected(const Tensors& tensors) {
  const auto chain = [](uint64_t key, uint64_t value) { return mixed(key, 0, value) + 0x9e3779b97f4a7c15u; };
  constexpr uint64_t kStart = 0x3c6ef372fe94f82bu;
  uint64_t sum = chain(kStart, tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    uint64_t key = chain(kStart, i);
    if (!tensors[i].defined()) {
      sum += chain(key, i);
      continue;
    }
    const Tensor host = tensors[i].detach().to(Device::cpu()).contiguous();
    key = chain(key, static_cast<uint64_t>(host.dtype()) + 1);
    for (const int64_t size : host.sizes()) key = chain(key, static_cast<uint64_t>(size));
    sum += chain(key, i);
    const auto* bytes = static_cast<const unsigned char*>(host.raw_data());
    for (size_t at = 0; at < host.nbytes(); at += 8) {
      uint64_t word = 0;
      for (size_t k = 0; k < 8 && at + k < host.nbytes(); ++k) word |= uint64_t{bytes[at + k]} << (8 * k);
      sum += mixed(key, at / 8, word);
    }
  }
  return sum;
}

void check_digest(const Tensors& in, const Tensors& out) {
  FARRO_CHECK(out[0].dim() == 0 && out[0].dtype() == DType::i64, ValueError, "digest: got ", out[0]);
  const auto found = static_cast<uint64_t>(out[0].item<int64_t>());
  FARRO_CHECK(found == expected(in), ValueError, "digest: got ", found, ", expected ", expected(in));
}

}  // namespace

void samples_digest(SampleSink& sink);
void samples_digest(SampleSink& sink) {
  const Run run([](const Tensors& in) { return digest(in); });
  const auto add = [&](const std::string& label, std::vector<Input> inputs) {
    sink.add("digest", {.label = label, .inputs = std::move(inputs), .run = run, .dtypes = kAnyDType,
                        .grad = Grad::none, .exact = true, .check = check_digest});
  };
  for (const Shape& sizes : {Shape{}, Shape{0}, Shape{1}, Shape{7}, Shape{3, 5}, Shape{2, 3, 4, 5}}) add(str(sizes), {in(sizes)});
  add("several", {in({3}), absent(), in({2, 2}).as(DType::i64), in({5}).as(DType::boolean)});
  add("threads and blocks", {in({700, 700}), in({3})});
  add("special values", {in({9}).special()});
  sink.add("digest", {.label = "a view that begins at any byte", .inputs = {in({19})},
                      .run = [](const Tensor& x) { return digest(std::vector{x.narrow(0, 1, 17)}); }, .dtypes = kAnyDType,
                      .grad = Grad::none, .exact = true,
                      .check = [](const Tensors& in, const Tensors& out) { check_digest({in[0].narrow(0, 1, 17)}, out); }});
  sink.error<ValueError>("digest", [] { return digest(TensorList()); },
                         "digest: tensors must hold a defined tensor, got none among 0");
  sink.error<ValueError>("digest", [] { return digest_text(zeros({2})); },
                         "digest_text: digest must be one i64, got f32 [2] cpu");
}

}  // namespace farro::opcheck
