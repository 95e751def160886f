// SPDX-License-Identifier: Apache-2.0
// Text as numbers: a vocabulary of the bytes that occur, and a data set of blocks with their successors as targets.
#include <farro/data/dataset/text.h>

#include <cstring>

namespace farro::data {

ByteVocabulary::ByteVocabulary(std::string_view text) {
  bool occurs[256] = {};
  for (char c : text) occurs[static_cast<uint8_t>(c)] = true;
  for (int byte = 0; byte < 256; ++byte) {
    number_[static_cast<size_t>(byte)] = occurs[byte] ? static_cast<int16_t>(bytes_.size()) : int16_t{-1};
    if (occurs[byte]) bytes_.push_back(static_cast<char>(byte));
  }
}

Tensor ByteVocabulary::encode(std::string_view text) const {
  const Tensor tokens = empty({static_cast<int64_t>(text.size())}, {.dtype = DType::i64, .device = Device::cpu()});
  int64_t* out = tokens.data<int64_t>();
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    FARRO_CHECK(number_[byte] >= 0, ValueError, "encode: text must consist of the vocabulary's ", size(),
                " bytes, got byte ", int{byte}, " at position ", i);
    out[i] = number_[byte];
  }
  return tokens;
}

std::string ByteVocabulary::decode(const Tensor& tokens) const {
  std::string text;
  for (int64_t token : tokens.to_vector<int64_t>()) {
    FARRO_CHECK(token >= 0 && token < size(), IndexError, "decode: tokens must be in [0, ", size(), "), got ", token);
    text.push_back(bytes_[static_cast<size_t>(token)]);
  }
  return text;
}

TextDataset::TextDataset(const Tensor& tokens, const TextOptions& options)
    : tokens_(tokens), block_(options.block_size), stride_(options.stride == 0 ? options.block_size : options.stride) {
  FARRO_CHECK(tokens.dim() == 1 && tokens.dtype() == DType::i64 && tokens.is_cpu() && tokens.is_contiguous(),
              ValueError, "TextDataset: tokens must be a contiguous 1-dimensional i64 CPU tensor, got ", tokens);
  FARRO_CHECK(block_ >= 1 && stride_ >= 1, ValueError, "TextDataset: block_size and stride must be positive, got ",
              block_, " and ", stride_);
  FARRO_CHECK(tokens.numel() > block_, ValueError, "TextDataset: tokens must be more than block_size ", block_,
              ", got ", tokens.numel());
  // The last block needs one token behind it, the target of its last one.
  size_ = (tokens.numel() - 1 - block_) / stride_ + 1;
}

Sample TextDataset::get(int64_t index) const {
  FARRO_CHECK(index >= 0 && index < size_, IndexError, "dataset: index must be in [0, ", size_, "), got ", index);
  // The target is the input one place further on.
  return {tokens_.narrow(0, index * stride_, block_), tokens_.narrow(0, index * stride_ + 1, block_)};
}

Sample TextDataset::get_batch(std::span<const int64_t> indices) const {
  const TensorOptions options{.dtype = DType::i64, .device = Device::cpu()};
  const Shape sizes{static_cast<int64_t>(indices.size()), block_};
  Sample batch{empty(sizes, options), empty(sizes, options)};
  const size_t bytes = static_cast<size_t>(block_) * sizeof(int64_t);
  for (size_t i = 0; i < indices.size(); ++i) {
    FARRO_CHECK(indices[i] >= 0 && indices[i] < size_, IndexError, "dataset: index must be in [0, ", size_, "), got ",
                indices[i]);
    const int64_t* from = tokens_.data<int64_t>() + indices[i] * stride_;
    const int64_t at = static_cast<int64_t>(i) * block_;
    std::memcpy(batch[0].data<int64_t>() + at, from, bytes);
    std::memcpy(batch[1].data<int64_t>() + at, from + 1, bytes);
  }
  return batch;
}

}  // namespace farro::data
