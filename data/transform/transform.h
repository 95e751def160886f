// SPDX-License-Identifier: Apache-2.0
// Transforms of a batch of images, run by the DataLoader on its first tensor. Random ones draw from a counter made of
// the seed, the epoch and the sample's number, so the same sample gets the same change in any batch, on any worker, in
// a resumed run.
#pragma once

#include <farro/core/api.h>
#include <farro/core/random/generator.h>
#include <farro/core/tensor/tensor.h>
#include <farro/nn/layers/extents.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace farro::data {

// Which samples a batch holds.
struct FARRO_API BatchInfo {
  uint64_t seed = 0;
  int64_t epoch = 0;
  std::span<const int64_t> indices;  // one for each row of the batch
  int transform = 0;                 // position among the loader's transforms: each draws numbers of its own

  // Numbers for row `row`, at most 2^16 blocks.
  RandomSequence random(size_t row) const noexcept;
};

// Gives the changed batch; must be safe to call from several threads.
using Transform = std::function<Tensor(const Tensor& batch, const BatchInfo& info)>;

// u8 or floating [N, C, ...] to f32: u8 is divided by 255 first, then (x - mean[c]) / std[c]. One mean and std serve
// all channels. ValueError unless each std is positive and there are as many of both.
FARRO_API Transform normalize(std::vector<double> mean, std::vector<double> std);

struct RandomCropOptions {
  nn::Extents size = {};  // of the result: height and width
  int64_t padding = 0;    // zeros on all four sides before the crop
};
// A window of each image of [N, C, H, W], each place equally likely. ShapeError where the window exceeds the padded
// image.
FARRO_API Transform random_crop(const RandomCropOptions& options);

// Mirrors images of [N, C, H, W] left to right with probability p.
FARRO_API Transform random_horizontal_flip(double p = 0.5);

}  // namespace farro::data
