// SPDX-License-Identifier: Apache-2.0
// Fashion-MNIST (Xiao et al. 2017) from its four files, compressed or not.
#include <farro/data/dataset/fashion_mnist.h>

#include <farro/data/dataset/idx.h>

#include <filesystem>

namespace farro::data {

namespace {

// The plain file where it exists, else the compressed one.
Tensor read(const std::string& folder, Split split, const char* rest, int dims) {
  const std::string path = folder + "/" + (split == Split::train ? "train-" : "t10k-") + rest;
  return read_idx(std::filesystem::exists(path) ? path : path + ".gz", dims);
}

std::vector<Tensor> read_split(Split split, const std::string& folder) {
  const Tensor images = read(folder, split, "images-idx3-ubyte", 3);
  const Tensor labels = read(folder, split, "labels-idx1-ubyte", 1);
  FARRO_CHECK(images.size(0) == labels.size(0), ValueError, "FashionMnist: there must be one label for each of ",
              images.size(0), " images, got ", labels.size(0), " in ", folder);
  // [N, 1, 28, 28] bytes, and classes in the dtype that losses take.
  return {images.unsqueeze(1), labels.to(DType::i64)};
}

}  // namespace

FashionMnist::FashionMnist(Split split, const std::string& folder) : TensorDataset(read_split(split, folder)) {}

}  // namespace farro::data
