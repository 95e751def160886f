// SPDX-License-Identifier: Apache-2.0
// Data sets in memory and their batches: rows are copied into the batch, never viewed, so that a batch can be changed.
#include <farro/data/dataset/dataset.h>

#include <cstring>

namespace farro::data {

namespace {

Tensor batch_like(const Tensor& sample, int64_t rows) {
  Shape sizes = sample.sizes();
  sizes.insert(0, rows);
  return empty(sizes, {.dtype = sample.dtype(), .device = Device::cpu()});
}

char* row(const Tensor& tensor, int64_t index, size_t bytes) {
  return static_cast<char*>(tensor.raw_data()) + static_cast<size_t>(index) * bytes;
}

void check_index(int64_t index, int64_t size) {
  FARRO_CHECK(index >= 0 && index < size, IndexError, "dataset: index must be in [0, ", size, "), got ", index);
}

}  // namespace

Sample Dataset::get_batch(std::span<const int64_t> indices) const {
  Sample batch;
  for (size_t i = 0; i < indices.size(); ++i) {
    const Sample sample = get(indices[i]);
    if (i == 0)
      // The first sample says what all must look like.
      for (const Tensor& tensor : sample) batch.push_back(batch_like(tensor, static_cast<int64_t>(indices.size())));
    FARRO_CHECK(sample.size() == batch.size(), ShapeError,
                "get_batch: samples must have as many tensors as the first, ", batch.size(), ", got ", sample.size(),
                " in sample ", indices[i]);
    for (size_t k = 0; k < sample.size(); ++k) {
      const Tensor part = sample[k].contiguous();
      Shape sizes = batch[k].sizes();
      sizes.erase(0);
      FARRO_CHECK(part.sizes() == sizes, ShapeError, "get_batch: samples must have the shape of the first, ", sizes,
                  ", got ", part, " in sample ", indices[i]);
      FARRO_CHECK(part.dtype() == batch[k].dtype(), DTypeError, "get_batch: samples must have the dtype of the first, ",
                  batch[k].dtype(), ", got ", part, " in sample ", indices[i]);
      std::memcpy(row(batch[k], static_cast<int64_t>(i), part.nbytes()), part.raw_data(), part.nbytes());
    }
  }
  return batch;
}

TensorDataset::TensorDataset(std::vector<Tensor> tensors) : tensors_(std::move(tensors)) {
  FARRO_CHECK(!tensors_.empty(), ValueError, "TensorDataset: there must be at least one tensor, got none");
  for (const Tensor& tensor : tensors_) {
    FARRO_CHECK(tensor.is_cpu() && tensor.dim() >= 1 && tensor.is_contiguous(), ValueError,
                "TensorDataset: tensors must be contiguous CPU tensors with rows, got ", tensor);
    FARRO_CHECK(tensor.size(0) == tensors_[0].size(0), ValueError,
                "TensorDataset: tensors must have as many rows as the first, ", tensors_[0].size(0), ", got ", tensor);
  }
  rows_ = tensors_[0].size(0);
}

Sample TensorDataset::get(int64_t index) const {
  check_index(index, rows_);
  Sample sample;
  for (const Tensor& tensor : tensors_) sample.push_back(tensor.select(0, index));
  return sample;
}

Sample TensorDataset::get_batch(std::span<const int64_t> indices) const {
  Sample batch;
  for (const Tensor& tensor : tensors_) {
    Shape sizes = tensor.sizes();
    sizes[0] = static_cast<int64_t>(indices.size());
    const Tensor part = empty(sizes, {.dtype = tensor.dtype(), .device = Device::cpu()});
    // Rows of equal size, so that a batch is one memcpy for each.
    const size_t bytes = rows_ > 0 ? tensor.nbytes() / static_cast<size_t>(rows_) : 0;
    for (size_t i = 0; i < indices.size(); ++i) {
      check_index(indices[i], rows_);
      std::memcpy(row(part, static_cast<int64_t>(i), bytes), row(tensor, indices[i], bytes), bytes);
    }
    batch.push_back(part);
  }
  return batch;
}

Subset::Subset(const Dataset& dataset, std::vector<int64_t> indices) : dataset_(dataset), indices_(std::move(indices)) {
  for (int64_t index : indices_) check_index(index, dataset_.size());
}

Sample Subset::get(int64_t index) const {
  check_index(index, size());
  return dataset_.get(indices_[static_cast<size_t>(index)]);
}

Sample Subset::get_batch(std::span<const int64_t> indices) const {
  std::vector<int64_t> mapped;
  for (int64_t index : indices) {
    check_index(index, size());
    mapped.push_back(indices_[static_cast<size_t>(index)]);
  }
  return dataset_.get_batch(mapped);
}

}  // namespace farro::data
