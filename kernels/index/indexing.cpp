// The CPU kernels of indexing.op.h.
#include <farro/kernels/index/indexing.op.h>
#include <farro/kernels/index/rows.h>
#include <farro/kernels/pointwise/copy.op.h>

#include <numeric>

namespace farro {

namespace {

// The indexed dimensions together, in place or in front, and the others around them.
Surroundings surroundings(const Tensor& tensor, const Dims& dims) {
  if (are_neighbours(dims))
    return Surroundings(tensor.sizes(), tensor.strides(), static_cast<int>(dims[0]), static_cast<int>(dims.back()) + 1);
  Shape sizes;
  Strides strides;
  const auto add = [&](int d) {
    sizes.push_back(tensor.sizes()[d]);
    strides.push_back(tensor.strides()[d]);
  };
  for (int64_t d : dims) add(static_cast<int>(d));
  for (int d = 0, k = 0; d < tensor.dim(); ++d) {
    if (k < dims.size() && dims[k] == d) {
      ++k;
    } else {
      add(d);
    }
  }
  return Surroundings(sizes, strides, 0, dims.size());
}

// Dense, checked and broadcast: every index tensor of a call.
std::vector<Tensor> checked_indices(const char* op, const Tensor& tensor, TensorList indices, const Dims& dims) {
  Shape places = indices[0].sizes();
  for (const Tensor& index : indices) places = broadcast_shapes(op, places, index.sizes());
  std::vector<Tensor> checked;
  for (size_t k = 0; k < indices.size(); ++k) {
    const int64_t dim = dims[static_cast<int>(k)], size = tensor.sizes()[static_cast<int>(dim)];
    checked.push_back(checked_index(op, indices[k], -size, size, dim).expand(places).contiguous());
  }
  return checked;
}

RowMap map_rows(const Tensor& tensor, const std::vector<Tensor>& indices, const Dims& dims) {
  const size_t entries = static_cast<size_t>(indices[0].numel());
  RowMap rows{surroundings(tensor, dims), std::vector<int64_t>(entries), std::vector<int64_t>(entries), 1};
  for (size_t k = 0; k < indices.size(); ++k) {
    const int dim = static_cast<int>(dims[static_cast<int>(k)]);
    const int64_t size = tensor.sizes()[dim], stride = tensor.strides()[dim];
    const int64_t* at = indices[k].data<int64_t>();
    for (size_t j = 0; j < entries; ++j) {
      const int64_t place = at[j] < 0 ? at[j] + size : at[j];
      rows.offset[j] += place * stride;
      rows.slot[j] = rows.slot[j] * size + place;
    }
    rows.slots *= size;
  }
  return rows;
}

void index_kernel(const Index::Args& args, Outputs<Index>& out) {
  take_rows(out[0], args.input,
            map_rows(args.input, checked_indices("index", args.input, args.indices, args.dims), args.dims));
}

void index_put_kernel(const IndexPut::Args& args, Outputs<IndexPut>& out) {
  const std::vector<Tensor> indices = checked_indices("index_put_", args.target, args.indices, args.dims);
  const Tensor values = args.values.detach()
                            .expand(indexed_shape("index_put_", args.target.sizes(), args.indices, args.dims))
                            .contiguous();
  if (args.accumulate) {
    const Accumulator sum(out[0], args.target);
    add_rows(sum, sum.as_addend(values), map_rows(sum.tensor(), indices, args.dims));
    sum.finish();
  } else {
    if (!out[0].is_same(args.target)) copy_elements(out[0], args.target);
    put_rows(out[0], values, map_rows(out[0], indices, args.dims));
  }
}

// Two passes over chunks of fixed size: count, then write each chunk's places behind those of the chunks before it.
void nonzero_kernel(const Nonzero::Args& args, Outputs<Nonzero>& out) {
  constexpr int64_t kChunk = 1 << 16;
  const Tensor mask = args.mask.contiguous();
  const bool* data = mask.data<bool>();
  const Shape& sizes = mask.sizes();
  const int64_t numel = mask.numel(), chunks = (numel + kChunk - 1) / kChunk;
  std::vector<int64_t> first(static_cast<size_t>(chunks) + 1);
  parallel_for(chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c)
      first[static_cast<size_t>(c) + 1] =
          std::accumulate(data + c * kChunk, data + std::min(numel, (c + 1) * kChunk), int64_t{0});
  });
  std::partial_sum(first.begin(), first.end(), first.begin());
  FARRO_CHECK(first.back() == args.count, ValueError, "nonzero: mask must have ", args.count, " true elements, got ",
              first.back(), "; was it changed by another thread?");
  int64_t* places = out[0].data<int64_t>();
  parallel_for(chunks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t c = begin; c < end; ++c) {
      int64_t* to = places + first[static_cast<size_t>(c)] * sizes.size();
      for (int64_t i = c * kChunk; i < std::min(numel, (c + 1) * kChunk); ++i) {
        if (!data[i]) continue;
        int64_t rest = i;
        for (int d = sizes.size() - 1; d >= 0; --d) {
          to[d] = rest % sizes[d];
          rest /= sizes[d];
        }
        to += sizes.size();
      }
    }
  });
}

}  // namespace

void register_indexing_kernels();
void register_indexing_kernels() {
  register_kernel<Index>(DeviceType::cpu, &index_kernel);
  register_kernel<IndexPut>(DeviceType::cpu, &index_put_kernel);
  register_kernel<Nonzero>(DeviceType::cpu, &nonzero_kernel);
}

}  // namespace farro
