// SPDX-License-Identifier: Apache-2.0
// Text as a sequence of tokens, cut into blocks for language models.
#pragma once

#include <farro/core/api.h>
#include <farro/data/dataset/dataset.h>

#include <array>
#include <string>
#include <string_view>

namespace farro::data {

// The bytes that occur in a text, numbered in ascending order.
class FARRO_API ByteVocabulary {
 public:
  explicit ByteVocabulary(std::string_view text);
  int64_t size() const noexcept { return static_cast<int64_t>(bytes_.size()); }
  // The bytes by number: what a checkpoint stores to rebuild the vocabulary.
  const std::string& bytes() const& noexcept { return bytes_; }
  std::string bytes() && { return std::move(bytes_); }
  // i64 [text.size()]; ValueError that names a byte the vocabulary lacks.
  Tensor encode(std::string_view text) const;
  // IndexError for a number that is none of the vocabulary.
  std::string decode(const Tensor& tokens) const;

 private:
  std::string bytes_;
  std::array<int16_t, 256> number_;  // -1: absent
};

struct TextOptions {
  int64_t block_size = 128;
  int64_t stride = 0;  // between the starts of neighbouring samples; 0: block_size, so that they do not overlap
};

// Sample i is {tokens[s, s + block_size), tokens[s + 1, s + block_size + 1)} with s = i * stride: each position's
// target is the token behind it.
class FARRO_API TextDataset final : public Dataset {
 public:
  // `tokens` i64 [n] on the CPU. ValueError unless it holds at least one sample.
  TextDataset(const Tensor& tokens, const TextOptions& options);
  int64_t size() const override { return size_; }
  Sample get(int64_t index) const override;
  Sample get_batch(std::span<const int64_t> indices) const override;

 private:
  Tensor tokens_;
  int64_t block_, stride_, size_;
};

}  // namespace farro::data
