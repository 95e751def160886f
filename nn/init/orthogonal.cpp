// SPDX-License-Identifier: Apache-2.0
// orthogonal_: the orthogonal factor of a random normal matrix, by Householder reflections in double.
#include <farro/autograd/node/grad_mode.h>
#include <farro/kernels/random/random.h>
#include <farro/nn/init/init.h>

#include <cmath>
#include <vector>

namespace farro::nn::init {

namespace {

// A column-major matrix with at least as many rows as columns.
struct Matrix {
  int64_t rows, cols;
  std::vector<double> data;
  double* column(int64_t j) { return data.data() + j * rows; }
};

// Subtracts 2 v (v . x) with the unit vector v, from row `from` on.
void reflect(const std::vector<double>& v, int64_t from, double* x) {
  double dot = 0;
  for (size_t i = 0; i < v.size(); ++i) dot += v[i] * x[from + int64_t(i)];
  for (size_t i = 0; i < v.size(); ++i) x[from + int64_t(i)] -= 2 * dot * v[i];
}

// The first `cols` columns of Q in A = QR with a positive diagonal of R: that choice makes Q uniform over all
// orthogonal matrices (Mezzadri 2007).
Matrix orthogonal_factor(Matrix a) {
  std::vector<std::vector<double>> reflectors;
  std::vector<double> signs;
  for (int64_t j = 0; j < a.cols; ++j) {
    std::vector<double> v(a.column(j) + j, a.column(j) + a.rows);
    double norm = 0;
    for (double x : v) norm += x * x;
    norm = std::sqrt(norm);
    const double sign = v[0] < 0 ? -1 : 1;
    // With the sign of the first element, so that nothing cancels.
    v[0] += sign * norm;
    double length = 0;
    for (double x : v) length += x * x;
    length = std::sqrt(length);
    for (double& x : v) x = length > 0 ? x / length : 0;
    for (int64_t k = j; k < a.cols; ++k) reflect(v, j, a.column(k));
    reflectors.push_back(std::move(v));
    signs.push_back(-sign);  // of R's diagonal element
  }
  Matrix q{a.rows, a.cols, std::vector<double>(a.data.size())};
  for (int64_t j = 0; j < q.cols; ++j) {
    // Column j of Q is the product of the reflections applied to unit vector j, with the sign that makes R's diagonal
    // positive.
    q.column(j)[j] = signs[size_t(j)];
    for (int64_t k = a.cols - 1; k >= 0; --k) reflect(reflectors[size_t(k)], k, q.column(j));
  }
  return q;
}

}  // namespace

Tensor orthogonal_(Tensor t, double gain, Generator* generator) {
  FARRO_CHECK(t.dim() >= 2, ShapeError, "orthogonal_: tensor must have at least 2 dimensions, got ", t);
  if (t.numel() == 0 || t.is_meta()) return t;
  const no_grad guard;
  const int64_t rows = t.size(0), cols = t.numel() / rows;
  const bool wide = cols > rows;
  Tensor random = empty({rows, cols}, {.dtype = DType::f64, .device = Device::cpu()});
  farro::normal_(random, 0, 1, generator ? *generator : default_generator());
  // Row-major [rows, cols] is column-major [cols, rows]; a tall matrix is brought to column-major first.
  const Tensor columns = wide ? random : random.t().contiguous();
  Matrix q = orthogonal_factor({wide ? cols : rows, wide ? rows : cols, columns.to_vector<double>()});
  Tensor result = from_blob(q.data.data(), {q.cols, q.rows}, {.dtype = DType::f64});
  if (!wide) result = result.t();
  return t.copy_((result * gain).reshape(t.sizes()));
}

}  // namespace farro::nn::init
