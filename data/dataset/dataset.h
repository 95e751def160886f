// SPDX-License-Identifier: Apache-2.0
// Dataset: samples by number, each a list of tensors (mostly {input, target}). The DataLoader asks for batches from
// worker threads, so both functions are const and must be safe to call at the same time.
#pragma once

#include <farro/core/api.h>
#include <farro/core/tensor/tensor.h>

#include <cstdint>
#include <span>
#include <vector>

namespace farro::data {

using Sample = std::vector<Tensor>;

class FARRO_API Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  // CPU tensors without a batch dimension; 0 <= index < size().
  virtual Sample get(int64_t index) const = 0;
  // The samples of these indices, stacked along a new first dimension. Override it where one copy of many rows is
  // faster than many samples. ShapeError or DTypeError where the samples differ.
  virtual Sample get_batch(std::span<const int64_t> indices) const;

  Dataset() = default;
  Dataset(const Dataset&) = delete;
  Dataset& operator=(const Dataset&) = delete;
};

// Row i of each tensor is sample i.
class FARRO_API TensorDataset : public Dataset {
 public:
  // ValueError unless there are tensors, all on the CPU, contiguous and with equally many rows.
  explicit TensorDataset(std::vector<Tensor> tensors);
  int64_t size() const override { return rows_; }
  Sample get(int64_t index) const override;
  Sample get_batch(std::span<const int64_t> indices) const override;
  const std::vector<Tensor>& tensors() const& noexcept { return tensors_; }
  std::vector<Tensor> tensors() && { return std::move(tensors_); }

 private:
  std::vector<Tensor> tensors_;
  int64_t rows_ = 0;
};

// A part of another dataset, which must outlive it.
class FARRO_API Subset final : public Dataset {
 public:
  // IndexError where an index leaves the dataset.
  Subset(const Dataset& dataset, std::vector<int64_t> indices);
  int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
  Sample get(int64_t index) const override;
  Sample get_batch(std::span<const int64_t> indices) const override;

 private:
  const Dataset& dataset_;
  std::vector<int64_t> indices_;
};

}  // namespace farro::data
