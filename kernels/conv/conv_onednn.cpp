// Called by conv_kernels.cpp. A thread keeps the primitives it made, keyed by everything they were made from; a call
// looks its primitive up (0.1 us), points the memory objects at the tensors and runs. Every primitive runs on one thread:
// the convolution is cut into parts that depend on its shape alone, so no result depends on the number of threads, and
// OpenMP, whose threads spin where they wait, never starts any. Backward-filter sums over the batch: each part's sum is a
// primitive's, and the parts are added in order.
#include <farro/kernels/conv/conv_onednn.h>

#include <farro/core/util/parallel.h>
#include <farro/kernels/conv/conv_parts.h>

#include <omp.h>
#include <oneapi/dnnl/dnnl.hpp>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <unordered_map>
#include <vector>

namespace farro {

namespace {

using dnnl::memory;

enum class Kind : int64_t { forward, backward_data, backward_filter };

struct Key {
  Kind kind;
  int64_t bias;
  ConvShape shape;

  std::array<int64_t, 24> words() const {
    std::array<int64_t, 24> out{static_cast<int64_t>(kind), bias, shape.batch, shape.groups, shape.in_channels,
                                shape.out_channels};
    size_t at = 6;
    for (const auto& list : {shape.in, shape.out, shape.kernel, shape.stride, shape.pad, shape.dilation})
      for (int d = 0; d < 3; ++d) out[at++] = list[d];
    return out;
  }
  bool operator==(const Key& other) const { return words() == other.words(); }
};
struct KeyHash {
  size_t operator()(const Key& key) const {
    uint64_t hash = 0;
    for (int64_t word : key.words()) hash = (hash ^ static_cast<uint64_t>(word)) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
  }
};

// oneDNN asks OpenMP how many threads there are, when a primitive is made and when it runs.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

const dnnl::engine& engine() {
  static const dnnl::engine instance(dnnl::engine::kind::cpu, 0);
  return instance;
}

// Memory of the calling thread that grows and is never handed back: for the reordered weights, or for one primitive.
enum class Scratch { weights, primitive };
char* scratch(Scratch use, size_t bytes) {
  struct Free {
    void operator()(char* block) const { std::free(block); }
  };
  thread_local std::unique_ptr<char, Free> blocks[2];
  thread_local size_t sizes[2] = {};
  auto& block = blocks[static_cast<int>(use)];
  size_t& size = sizes[static_cast<int>(use)];
  if (bytes > size) {
    const size_t rounded = (bytes + 4095) / 4096 * 4096;
    block.reset(static_cast<char*>(std::aligned_alloc(4096, rounded)));
    size = block ? rounded : 0;
    FARRO_CHECK(block, OutOfMemoryError, "out of memory: asked for ", bytes, " bytes of scratch for a convolution");
  }
  return block.get();
}
size_t padded(size_t bytes) { return (bytes + 63) / 64 * 64; }

// The convolution's tensors as oneDNN describes them. Leading spatial dimensions that do nothing are dropped.
struct Descs {
  memory::desc x, weight, plain_weight, bias, out;
  memory::dims strides, dilations, pad_begin, pad_end;

  Descs(const ConvShape& s, bool with_bias) {
    const bool flat = s.in[0] == 1 && s.kernel[0] == 1 && s.out[0] == 1 && s.pad[0] == 0;
    memory::dims xs{s.batch, s.groups * s.in_channels}, os{s.batch, s.groups * s.out_channels};
    memory::dims ws{s.out_channels, s.in_channels};
    if (s.groups > 1) ws.insert(ws.begin(), s.groups);
    for (int d = flat; d < 3; ++d) {
      xs.push_back(s.in[d]);
      ws.push_back(s.kernel[d]);
      os.push_back(s.out[d]);
      strides.push_back(s.stride[d]);
      dilations.push_back(s.dilation[d] - 1);
      pad_begin.push_back(s.pad[d]);
      pad_end.push_back((s.out[d] - 1) * s.stride[d] + (s.kernel[d] - 1) * s.dilation[d] + 1 - s.in[d] - s.pad[d]);
    }
    using Tag = memory::format_tag;
    constexpr auto f32 = memory::data_type::f32;
    const Tag activations = flat ? Tag::nhwc : Tag::ndhwc;
    x = memory::desc(xs, f32, activations);
    out = memory::desc(os, f32, activations);
    weight = memory::desc(ws, f32, Tag::any);
    plain_weight = memory::desc(ws, f32,
                                s.groups > 1 ? (flat ? Tag::goihw : Tag::goidhw)
                                : flat       ? Tag::oihw
                                             : Tag::oidhw);
    if (with_bias) bias = memory::desc({s.groups * s.out_channels}, f32, Tag::x);
  }
};

// One primitive with its memory objects and the reorder between plain weights and the format it wants; used by one
// thread.
class Plan {
 public:
  explicit Plan(const Key& key) : kind_(key.kind) {
    const OneThread guard;
    const Descs d(key.shape, key.bias != 0);
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    constexpr auto direct = dnnl::algorithm::convolution_direct;
    const dnnl::convolution_forward::primitive_desc forward(
        {dnnl::prop_kind::forward_training, direct, d.x, d.weight, d.bias, d.out, d.strides, d.dilations, d.pad_begin,
         d.pad_end},
        attributes, engine());
    if (kind_ == Kind::forward) {
      use(dnnl::convolution_forward(forward), forward.weights_desc(), forward.scratchpad_desc(), d);
    } else if (kind_ == Kind::backward_data) {
      const dnnl::convolution_backward_data::primitive_desc desc(
          {direct, d.x, d.weight, d.out, d.strides, d.dilations, d.pad_begin, d.pad_end}, attributes, engine(),
          forward);
      use(dnnl::convolution_backward_data(desc), desc.weights_desc(), desc.scratchpad_desc(), d);
    } else {
      const dnnl::convolution_backward_weights::primitive_desc desc(
          {direct, d.x, d.weight, d.bias, d.out, d.strides, d.dilations, d.pad_begin, d.pad_end}, attributes, engine(),
          forward);
      use(dnnl::convolution_backward_weights(desc), desc.diff_weights_desc(), desc.scratchpad_desc(), d);
    }
  }

  memory::desc weight_format() const { return weight_.get_desc(); }
  // Of the weights in the primitive's format, and of what run() needs besides.
  size_t weight_bytes() const { return padded(weight_.get_desc().get_size()); }
  size_t scratch_bytes() const { return scratchpad_.get_desc().get_size(); }

  // From the plain format to the primitive's, or for backward_filter the other way.
  void reorder_weight(const void* from, void* to) {
    const bool gradient = kind_ == Kind::backward_filter;
    memory& source = gradient ? weight_ : plain_weight_;
    memory& target = gradient ? plain_weight_ : weight_;
    source.set_data_handle(const_cast<void*>(from));
    target.set_data_handle(to);
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, source.get()}, {DNNL_ARG_TO, target.get()}};
    execute(reorder_, args, 2);
  }

  // The tensor that the kind of primitive computes is written, the others are read.
  void run(const float* x, const void* weight, const float* bias, const float* out, void* scratch) {
    x_.set_data_handle(const_cast<float*>(x));
    weight_.set_data_handle(const_cast<void*>(weight));
    out_.set_data_handle(const_cast<float*>(out));
    scratchpad_.set_data_handle(scratch);
    constexpr int roles[3][4] = {{DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_BIAS},
                                 {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST, 0},
                                 {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_BIAS}};
    const int* role = roles[static_cast<int>(kind_)];
    dnnl_exec_arg_t args[5] = {{role[0], x_.get()},
                               {role[1], weight_.get()},
                               {role[2], out_.get()},
                               {DNNL_ARG_SCRATCHPAD, scratchpad_.get()},
                               {}};
    if (bias) {
      bias_.set_data_handle(const_cast<float*>(bias));
      args[4] = {role[3], bias_.get()};
    }
    execute(primitive_, args, bias ? 5 : 4);
  }

 private:
  void use(dnnl::primitive primitive, const memory::desc& weight, const memory::desc& scratchpad, const Descs& d) {
    primitive_ = std::move(primitive);
    x_ = memory(d.x, engine(), nullptr);
    out_ = memory(d.out, engine(), nullptr);
    weight_ = memory(weight, engine(), nullptr);
    plain_weight_ = memory(d.plain_weight, engine(), nullptr);
    scratchpad_ = memory(scratchpad, engine(), nullptr);
    if (d.bias.get_size()) bias_ = memory(d.bias, engine(), nullptr);
    reorder_ =
        kind_ == Kind::backward_filter ? dnnl::reorder(weight_, plain_weight_) : dnnl::reorder(plain_weight_, weight_);
    stream_ = dnnl::stream(engine());
  }
  // The C call: the C++ one builds a hash map of the arguments each time.
  void execute(const dnnl::primitive& primitive, const dnnl_exec_arg_t* args, int count) {
    dnnl::error::wrap_c_api(dnnl_primitive_execute(primitive.get(), stream_.get(), count, args),
                            "could not execute a convolution");
  }

  Kind kind_;
  dnnl::primitive primitive_, reorder_;
  memory x_, weight_, plain_weight_, bias_, out_, scratchpad_;
  dnnl::stream stream_;
};

// The calling thread's plan. A program whose shapes never repeat must not collect primitives for ever.
Plan& find_plan(const Key& key) {
  constexpr size_t kMaxPlans = 1024;
  thread_local std::unordered_map<Key, std::unique_ptr<Plan>, KeyHash> plans;
  if (const auto found = plans.find(key); found != plans.end()) return *found->second;
  if (plans.size() >= kMaxPlans) plans.clear();
  return *(plans[key] = std::make_unique<Plan>(key));
}

template <class Fn>
void with_typed_errors(Fn&& fn) {
  try {
    fn();
  } catch (const dnnl::error& error) {
    fail<BackendError>("conv: oneDNN must run the convolution, got status ", static_cast<int>(error.status), " (",
                       error.message, ")");
  }
}

// Forward and backward-data.
void run_parts(Kind kind, const ConvShape& shape, const float* x, const float* weight, const float* bias,
               const float* out) {
  with_typed_errors([&] {
    const OneThread guard;
    const ConvParts parts(shape, kind == Kind::backward_data);
    Plan& first = find_plan({kind, bias != nullptr, parts[0].shape});
    const memory::desc format = first.weight_format();
    char* const reordered = scratch(Scratch::weights, first.weight_bytes());
    first.reorder_weight(weight, reordered);
    parallel_for(parts.count(), 1, [&](int64_t begin, int64_t end) {
      const OneThread here;
      for (int64_t i = begin; i < end; ++i) {
        const ConvPart part = parts[i];
        Plan& plan = find_plan({kind, bias != nullptr, part.shape});
        const bool fits = i == 0 || plan.weight_format() == format;
        const size_t own_bytes = fits ? 0 : plan.weight_bytes();
        char* const memory = scratch(Scratch::primitive, own_bytes + plan.scratch_bytes());
        if (!fits) plan.reorder_weight(weight, memory);
        plan.run(x + part.x_at, fits ? reordered : memory, bias, out + part.out_at, memory + own_bytes);
      }
    });
  });
}

// Into how many parts the batch is cut for backward-filter: enough for many threads, but the partial sums that are then
// added up must stay small beside the work.
int64_t batch_parts(const ConvShape& s) {
  constexpr int64_t kMaxParts = 16, kMaxPartialBytes = 16 << 20;
  const int64_t weight_bytes = s.groups * s.out_channels * s.in_channels * s.taps() * 4;
  const int64_t by_memory = std::max<int64_t>(1, kMaxPartialBytes / weight_bytes);
  // 4 million multiply-adds take 80 us: less is not worth a part.
  const int64_t by_work = std::max<int64_t>(1, static_cast<int64_t>(s.flops() / 8e6));
  return std::min({kMaxParts, by_memory, by_work, s.batch});
}

void add_to(float* sum, const float* values, int64_t count) {
  parallel_for(count, 1 << 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) sum[i] += values[i];
  });
}

}  // namespace

void onednn_conv(const ConvShape& shape, const float* x, const float* weight, const float* bias, float* out) {
  run_parts(Kind::forward, shape, x, weight, bias, out);
}

void onednn_conv_backward_data(const ConvShape& shape, const float* grad, const float* weight, float* grad_x) {
  run_parts(Kind::backward_data, shape, grad_x, weight, nullptr, grad);
}

void onednn_conv_backward_filter(const ConvShape& shape, const float* grad, const float* x, float* grad_weight,
                                 float* grad_bias) {
  with_typed_errors([&] {
    const int64_t parts = batch_parts(shape);
    Key key{Kind::backward_filter, grad_bias != nullptr, shape};
    key.shape.batch = (shape.batch + parts - 1) / parts;
    const int64_t used = (shape.batch + key.shape.batch - 1) / key.shape.batch;
    const int64_t channels = shape.groups * shape.out_channels;
    const int64_t x_step = shape.groups * shape.in_channels * shape.in_pixels(),
                  out_step = channels * shape.out_pixels();
    const OneThread guard;
    Plan& plan = find_plan(key);
    const memory::desc format = plan.weight_format();
    const int64_t weight_floats = static_cast<int64_t>(plan.weight_bytes() / 4), part_floats = weight_floats + channels;
    const std::unique_ptr<float[]> partial(new float[static_cast<size_t>(used * part_floats)]);
    parallel_for(used, 1, [&](int64_t begin, int64_t end) {
      const OneThread here;
      for (int64_t part = begin; part < end; ++part) {
        Key mine = key;
        mine.shape.batch = std::min(key.shape.batch, shape.batch - part * key.shape.batch);
        Plan& own = find_plan(mine);
        FARRO_ASSERT(own.weight_format() == format);  // the parts are added up as they lie
        const int64_t first = part * key.shape.batch;
        float* sums = partial.get() + part * part_floats;
        own.run(x + first * x_step, sums, grad_bias ? sums + weight_floats : nullptr, grad + first * out_step,
                scratch(Scratch::primitive, own.scratch_bytes()));
      }
    });
    for (int64_t part = 1; part < used; ++part) add_to(partial.get(), partial.get() + part * part_floats, part_floats);
    find_plan(key).reorder_weight(partial.get(), grad_weight);
    if (grad_bias) std::copy_n(partial.get() + weight_floats, channels, grad_bias);
  });
}

}  // namespace farro
