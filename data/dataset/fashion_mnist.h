// SPDX-License-Identifier: Apache-2.0
// Fashion-MNIST (Xiao, Rasul, Vollgraf 2017): 60,000 and 10,000 grey images of 28 x 28 in ten classes. Debian's package
// dataset-fashion-mnist installs it; any other set in MNIST's four files works as well.
#pragma once

#include <farro/core/api.h>
#include <farro/data/dataset/dataset.h>

#include <array>
#include <string>

namespace farro::data {

inline constexpr const char* kFashionMnistFolder = "/usr/share/datasets/fashion-mnist";
inline constexpr std::array<const char*, 10> kFashionMnistClasses{
    "T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"};
// Of the training images' grey values, scaled to [0, 1].
inline constexpr double kFashionMnistMean = 0.2860, kFashionMnistStd = 0.3530;

enum class Split : uint8_t { train, test };

// Samples are {u8 [1, 28, 28], i64 []}; the normalize transform makes floats of a batch.
class FARRO_API FashionMnist final : public TensorDataset {
 public:
  // Reads <prefix>-images-idx3-ubyte and <prefix>-labels-idx1-ubyte, plain or .gz, from a folder; the prefix is train
  // or t10k. IoError (FileError) for missing or damaged files, ValueError where images and labels do not match.
  explicit FashionMnist(Split split, const std::string& folder = kFashionMnistFolder);
};

}  // namespace farro::data
