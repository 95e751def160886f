// SPDX-License-Identifier: Apache-2.0
// BatchNorm layers: parameters, running statistics and the share that a new batch has in them.
#include <farro/nn/layers/batch_norm.h>

#include <farro/kernels/memory/factories.h>
#include <farro/kernels/norm/batch_norm.h>

namespace farro::nn {

namespace {

Tensor filled(bool wanted, const Shape& sizes, double value) { return wanted ? full(sizes, value) : Tensor(); }

const BatchNormOptions& checked(const BatchNormOptions& o) {
  FARRO_CHECK(o.num_features > 0, ValueError, "BatchNorm: num_features must be positive, got ", o.num_features);
  FARRO_CHECK(o.eps >= 0, ValueError, "BatchNorm: eps must not be negative, got ", o.eps);
  const double momentum = o.momentum.value_or(0);
  FARRO_CHECK(momentum >= 0 && momentum <= 1, ValueError, "BatchNorm: momentum must be in [0, 1], got ", momentum);
  return o;
}

}  // namespace

BatchNorm::BatchNorm(Parent parent, std::string_view name, const BatchNormOptions& options_, int min_rank, int max_rank)
    : Module(parent, name),
      options(checked(options_)),
      weight(*this, "weight", filled(options.affine, {options.num_features}, 1)),
      bias(*this, "bias", filled(options.affine, {options.num_features}, 0)),
      running_mean(*this, "running_mean", filled(options.track_running_stats, {options.num_features}, 0)),
      running_var(*this, "running_var", filled(options.track_running_stats, {options.num_features}, 1)),
      num_batches_tracked(*this, "num_batches_tracked",
                          options.track_running_stats ? zeros({}, {.dtype = DType::i64}) : Tensor()),
      min_rank_(min_rank),
      max_rank_(max_rank) {}

// What the statistics of the batch to come count for in the running ones.
double BatchNorm::new_share() const {
  if (!options.track_running_stats) return 0;
  if (options.momentum) return *options.momentum;
  // Without a momentum the running statistics are the plain average of all batches.
  return num_batches_tracked.device().is_meta() ? 1 : 1 / (num_batches_tracked.item() + 1);
}

void BatchNorm::check_loaded(std::string_view name, const std::string& path, const Tensor& value) const {
  if ((name != "running_var" && name != "num_batches_tracked") || value.is_meta() || value.numel() == 0) return;
  const double least = value.min().item();
  FARRO_CHECK(!(least < 0), ValueError, "load_state_dict: ", path, " must not be negative, got ", least);
}

Tensor BatchNorm::forward(const Tensor& x) {
  FARRO_CHECK(x.dim() >= min_rank_ && x.dim() <= max_rank_, ShapeError, type_name(), ": x must have ",
              min_rank_ == max_rank_ ? str(max_rank_) : str(min_rank_, " or ", max_rank_), " dimensions, got ", x);
  // Without running statistics evaluation has only those of the batch, too.
  const bool of_batch = is_training() || !options.track_running_stats;
  const double share = is_training() ? new_share() : 0;
  Tensor y = batch_norm(x, weight, bias, running_mean, running_var, of_batch, share, options.eps);
  if (is_training() && options.track_running_stats) num_batches_tracked.add_(1);  // counts only what went well
  return y;
}

}  // namespace farro::nn
