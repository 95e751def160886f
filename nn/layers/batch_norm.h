// SPDX-License-Identifier: Apache-2.0
// Batch normalisation: farro/kernels/norm/batch_norm.h with weights and running statistics.
#pragma once

#include <farro/core/api.h>
#include <farro/nn/module/module.h>

#include <optional>

namespace farro::nn {

struct BatchNormOptions {
  int64_t num_features = 0;  // channels
  double eps = 1e-5;
  std::optional<double> momentum = 0.1;  // of the new statistics; absent: their plain average over all batches
  bool affine = true;                    // weight and bias
  bool track_running_stats = true;       // else the batch's own statistics always serve
};

// Normalises each channel of x [N, C, ...] with the statistics of the batch while training, with the running ones
// otherwise (Ioffe & Szegedy 2015). State: weight, bias, running_mean, running_var, num_batches_tracked.
class FARRO_API BatchNorm : public Module {
 public:
  using Options = BatchNormOptions;
  Tensor forward(const Tensor& x) override;

  const BatchNormOptions options;
  Parameter weight;
  Parameter bias;
  Buffer running_mean;
  Buffer running_var;
  Buffer num_batches_tracked;

 protected:
  // ValueError unless num_features is positive, eps not negative and momentum in [0, 1]. Inputs must have from
  // `min_rank` to `max_rank` dimensions.
  BatchNorm(Parent parent, std::string_view name, const BatchNormOptions& options, int min_rank, int max_rank);

 private:
  double new_share() const;
  void check_loaded(std::string_view name, const std::string& path, const Tensor& value) const override;

  int min_rank_, max_rank_;
};

// x [N, C] or [N, C, L]
class BatchNorm1d final : public BatchNorm {
 public:
  BatchNorm1d(Parent parent, std::string_view name, const BatchNormOptions& o) : BatchNorm(parent, name, o, 2, 3) {}
};
// x [N, C, H, W]
class BatchNorm2d final : public BatchNorm {
 public:
  BatchNorm2d(Parent parent, std::string_view name, const BatchNormOptions& o) : BatchNorm(parent, name, o, 4, 4) {}
};
// x [N, C, D, H, W]
class BatchNorm3d final : public BatchNorm {
 public:
  BatchNorm3d(Parent parent, std::string_view name, const BatchNormOptions& o) : BatchNorm(parent, name, o, 5, 5) {}
};

}  // namespace farro::nn
