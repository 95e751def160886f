// SPDX-License-Identifier: Apache-2.0
// Called by conv.host.cpp. Primitives stand in the plan cache, keyed by everything they were made from; a call looks
// its primitive up (0.2 us), points memory objects of its own at the tensors and runs. Every primitive runs on one
// thread: the convolution is cut into parts that depend on its shape alone, so no result depends on the number of
// threads, and OpenMP, whose threads spin where they wait, never starts any. Backward-filter sums over the batch: each
// part's sum is a primitive's, and the parts are added in order.
#include <farro/kernels/conv/conv_onednn.h>

#include <farro/core/parallel/parallel.h>
#include <farro/kernels/conv/conv_parts.h>
#include <farro/kernels/cpu/onednn.h>

#include <algorithm>
#include <memory>

namespace farro {

namespace {

using dnnl::memory;

enum class Kind : int64_t { forward, backward_data, backward_filter };

// To a cache line, which is also the widest vector.
size_t padded(size_t bytes) { return (bytes + 63) / 64 * 64; }

// The convolution's tensors as oneDNN describes them. Leading spatial dimensions that do nothing are dropped.
struct Descs {
  memory::desc x, weight, plain_weight, bias, out;
  memory::desc forward_weight;
  memory::dims strides, dilations, pad_begin, pad_end;

  Descs(Kind kind, const ConvShape& s, bool with_bias, DType dtype) {
    // Without depth it is described as a 2-D convolution; those of one dimension have H = 1.
    const bool flat = s.in[0] == 1 && s.kernel[0] == 1 && s.out[0] == 1 && s.pad[0] == 0;
    memory::dims xs{s.batch, s.groups * s.in_channels}, os{s.batch, s.groups * s.out_channels};
    memory::dims ws{s.out_channels, s.in_channels};
    if (s.groups > 1) ws.insert(ws.begin(), s.groups);
    for (int d = flat; d < 3; ++d) {
      xs.push_back(s.in[d]);
      ws.push_back(s.kernel[d]);
      os.push_back(s.out[d]);
      strides.push_back(s.stride[d]);
      // oneDNN counts the elements that are left out: 0 is no dilation.
      dilations.push_back(s.dilation[d] - 1);
      pad_begin.push_back(s.pad[d]);
      // Padding at the end is derived, not taken from the call: oneDNN wants the windows to fill the padded input
      // exactly. It is negative where the last window ends before the input does.
      pad_end.push_back((s.out[d] - 1) * s.stride[d] + (s.kernel[d] - 1) * s.dilation[d] + 1 - s.in[d] - s.pad[d]);
    }
    using Tag = memory::format_tag;
    constexpr auto f32 = memory::data_type::f32;
    const auto type = dtype == DType::bf16 ? memory::data_type::bf16 : f32;
    const auto weight_type = kind == Kind::backward_filter ? f32 : type;  // its sums are added up across parts
    const Tag activations = flat ? Tag::nhwc : Tag::ndhwc;
    x = memory::desc(xs, type, activations);
    out = memory::desc(os, type, activations);
    // oneDNN chooses the weights' format; activations keep the layout that the tensors have.
    weight = memory::desc(ws, weight_type, Tag::any);
    forward_weight = memory::desc(ws, type, Tag::any);
    plain_weight = memory::desc(ws, weight_type,
                                s.groups > 1 ? (flat ? Tag::goihw : Tag::goidhw)
                                : flat       ? Tag::oihw
                                             : Tag::oidhw);
    if (with_bias) bias = memory::desc({s.groups * s.out_channels}, f32, Tag::x);
  }
};

// One primitive and the reorder between plain weights and the format it wants. Shared by threads: what changes from
// call to call, the memory objects, belongs to the call.
class Plan {
 public:
  Plan(Kind kind, const ConvShape& shape, bool bias, DType dtype) : kind_(kind), descs_(kind, shape, bias, dtype) {
    const OneThread guard;
    const Descs& d = descs_;
    dnnl::primitive_attr attributes;
    // Scratch memory comes with each call, or threads that share the primitive would share it.
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    constexpr auto direct = dnnl::algorithm::convolution_direct;
    const dnnl::convolution_forward::primitive_desc forward(
        {dnnl::prop_kind::forward_training, direct, d.x, d.forward_weight, d.bias, d.out, d.strides, d.dilations,
         d.pad_begin, d.pad_end},
        attributes, onednn_engine());
    if (kind_ == Kind::forward) {
      use(dnnl::convolution_forward(forward), forward.weights_desc(), forward.scratchpad_desc());
    } else if (kind_ == Kind::backward_data) {
      const dnnl::convolution_backward_data::primitive_desc desc(
          {direct, d.x, d.weight, d.out, d.strides, d.dilations, d.pad_begin, d.pad_end}, attributes, onednn_engine(),
          forward);
      use(dnnl::convolution_backward_data(desc), desc.weights_desc(), desc.scratchpad_desc());
    } else {
      const dnnl::convolution_backward_weights::primitive_desc desc(
          {direct, d.x, d.weight, d.bias, d.out, d.strides, d.dilations, d.pad_begin, d.pad_end}, attributes,
          onednn_engine(), forward);
      use(dnnl::convolution_backward_weights(desc), desc.diff_weights_desc(), desc.scratchpad_desc());
    }
  }

  const memory::desc& weight_format() const { return weight_; }
  // Of the weights in the primitive's format, and of what run() needs besides.
  size_t weight_bytes() const { return padded(weight_.get_size()); }
  size_t scratch_bytes() const { return padded(scratchpad_.get_size()); }

  // From the plain format to the primitive's, or for backward_filter the other way.
  void reorder_weight(const void* from, void* to) const {
    const bool gradient = kind_ == Kind::backward_filter;
    const memory source = at(gradient ? weight_ : descs_.plain_weight, from);
    const memory target = at(gradient ? descs_.plain_weight : weight_, to);
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, source.get()}, {DNNL_ARG_TO, target.get()}};
    execute(reorder_, args, 2);
  }

  // The tensor that the kind of primitive computes is written, the others are read.
  void run(const void* x, const void* weight, const float* bias, const void* out, void* scratch) const {
    constexpr int roles[3][4] = {{DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_BIAS},
                                 {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST, 0},
                                 {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_BIAS}};
    const int* role = roles[static_cast<int>(kind_)];
    const memory x_at = at(descs_.x, x), weight_at = at(weight_, weight), out_at = at(descs_.out, out),
                 scratch_at = at(scratchpad_, scratch), bias_at = bias ? at(descs_.bias, bias) : memory();
    dnnl_exec_arg_t args[5] = {{role[0], x_at.get()},
                               {role[1], weight_at.get()},
                               {role[2], out_at.get()},
                               {DNNL_ARG_SCRATCHPAD, scratch_at.get()},
                               {}};
    if (bias) args[4] = {role[3], bias_at.get()};
    execute(primitive_, args, bias ? 5 : 4);
  }

 private:
  static memory at(const memory::desc& desc, const void* data) {
    return memory(desc, onednn_engine(), const_cast<void*>(data));
  }
  void use(dnnl::primitive primitive, const memory::desc& weight, const memory::desc& scratchpad) {
    primitive_ = std::move(primitive);
    weight_ = weight;
    scratchpad_ = scratchpad;
    const memory own = at(weight_, nullptr), plain = at(descs_.plain_weight, nullptr);
    reorder_ = kind_ == Kind::backward_filter ? dnnl::reorder(own, plain) : dnnl::reorder(plain, own);
    stream_ = dnnl::stream(onednn_engine());
  }
  // The C call: the C++ one builds a hash map of the arguments each time.
  void execute(const dnnl::primitive& primitive, const dnnl_exec_arg_t* args, int count) const {
    dnnl::error::wrap_c_api(dnnl_primitive_execute(primitive.get(), stream_.get(), count, args),
                            "could not execute a convolution");
  }

  Kind kind_;
  Descs descs_;
  dnnl::primitive primitive_, reorder_;
  memory::desc weight_, scratchpad_;
  dnnl::stream stream_;
};

std::shared_ptr<Plan> find_plan(Ctx& ctx, Kind kind, const ConvShape& shape, bool bias, DType dtype) {
  PlanKey key = plan_key("onednn_conv", shape);
  key.add(static_cast<int64_t>(kind)).add(int64_t{bias}).add(static_cast<int64_t>(dtype));
  return ctx.plan<Plan>(key, [&] {
    // A child that is forked while a primitive is generated could inherit oneDNN's locks, held by a thread that it has
    // not.
    const auto gate = hold_off_forks<MakingPrimitive>();
    return std::make_shared<Plan>(kind, shape, bias, dtype);
  });
}

const void* element(const void* data, int64_t at, DType dtype) {
  return static_cast<const char*>(data) + at * static_cast<int64_t>(item_size(dtype));
}

// Forward and backward-data.
void run_parts(Ctx& ctx, Kind kind, const ConvShape& shape, DType dtype, const void* x, const void* weight,
               const float* bias, const void* out) {
  with_onednn_errors("conv", [&] {
    const OneThread guard;
    // The weights are brought into the primitive's format once, not by each part. A part of another size may prefer
    // another format (the last one, mostly) and then makes a copy of its own.
    const ConvParts parts(shape, kind == Kind::backward_data);
    const auto first = find_plan(ctx, kind, parts[0].shape, bias != nullptr, dtype);
    char* const reordered = ctx.scratch<char>(static_cast<int64_t>(first->weight_bytes()));
    first->reorder_weight(weight, reordered);
    const Ctx::Parts contexts = ctx.parts();
    parallel_for(parts.count(), 1, [&](int64_t begin, int64_t end) {
      const OneThread here;
      for (int64_t i = begin; i < end; ++i) {
        Ctx own(contexts);
        const ConvPart part = parts[i];
        const auto plan = find_plan(own, kind, part.shape, bias != nullptr, dtype);
        const bool fits = i == 0 || plan->weight_format() == first->weight_format();
        char* const scratch = own.scratch<char>(static_cast<int64_t>(plan->scratch_bytes()));
        char* const mine = fits ? reordered : own.scratch<char>(static_cast<int64_t>(plan->weight_bytes()));
        if (!fits) plan->reorder_weight(weight, mine);
        plan->run(element(x, part.x_at, dtype), mine, bias, element(out, part.out_at, dtype), scratch);
      }
    });
  });
}

// Into how many parts the batch is cut for backward-filter: enough for many threads, but the partial sums that are then
// added up must stay small beside the work.
int64_t batch_parts(const ConvShape& s) {
  constexpr int64_t kMaxParts = 16, kMaxPartialBytes = 16 << 20;
  // A part is one running f32 sum over the batch: of a long one there are more parts.
  constexpr int64_t kMaxTerms = 16384, kMaxLongParts = 256;
  const int64_t by_terms = std::min(kMaxLongParts, s.batch * s.out_pixels() / kMaxTerms);
  const int64_t weight_bytes = s.groups * s.out_channels * s.in_channels * s.taps() * 4;
  const int64_t by_memory = std::max<int64_t>(1, kMaxPartialBytes / weight_bytes);
  // 4 million multiply-adds take 80 us: less is not worth a part.
  const int64_t by_work = std::max<int64_t>(1, static_cast<int64_t>(s.flops() / 8e6));
  return std::min({std::max(by_terms, std::min(kMaxParts, by_work)), by_memory, s.batch});
}

void add_to(float* sum, const float* values, int64_t count) {
  parallel_for(count, 1 << 16, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) sum[i] += values[i];
  });
}

}  // namespace

void onednn_conv(Ctx& ctx, const ConvShape& shape, DType dtype, const void* x, const void* weight, const float* bias,
                 void* out) {
  run_parts(ctx, Kind::forward, shape, dtype, x, weight, bias, out);
}

void onednn_conv_backward_data(Ctx& ctx, const ConvShape& shape, DType dtype, const void* grad, const void* weight,
                               void* grad_x) {
  run_parts(ctx, Kind::backward_data, shape, dtype, grad_x, weight, nullptr, grad);
}

void onednn_conv_backward_filter(Ctx& ctx, const ConvShape& shape, DType dtype, const void* grad, const void* x,
                                 float* grad_weight) {
  with_onednn_errors("conv", [&] {
    const OneThread guard;
    // Equal parts of the batch, but for the last; `used` may be fewer than were asked for.
    const int64_t parts = batch_parts(shape), part_batch = (shape.batch + parts - 1) / parts;
    const int64_t used = (shape.batch + part_batch - 1) / part_batch;
    const int64_t x_step = shape.groups * shape.in_channels * shape.in_pixels(),
                  out_step = shape.groups * shape.out_channels * shape.out_pixels();
    // The last part may be smaller, and has a primitive of its own.
    const auto plan_of = [&](int64_t part) {
      ConvShape mine = shape;
      mine.batch = std::min(part_batch, shape.batch - part * part_batch);
      return find_plan(ctx, Kind::backward_filter, mine, false, dtype);
    };
    const auto plan = plan_of(0), last = plan_of(used - 1);
    FARRO_ASSERT(last->weight_format() == plan->weight_format());  // the parts are added up as they lie
    const int64_t part_floats = static_cast<int64_t>(plan->weight_bytes() / 4);
    float* const partial = ctx.scratch<float>(used * part_floats);
    const Ctx::Parts contexts = ctx.parts();
    parallel_for(used, 1, [&](int64_t begin, int64_t end) {
      const OneThread here;
      for (int64_t part = begin; part < end; ++part) {
        const Plan& own = part == used - 1 ? *last : *plan;
        Ctx work(contexts);
        const int64_t first = part * part_batch;
        float* sums = partial + part * part_floats;
        own.run(element(x, first * x_step, dtype), sums, nullptr, element(grad, first * out_step, dtype),
                work.scratch<char>(static_cast<int64_t>(own.scratch_bytes())));
      }
    });
    for (int64_t part = 1; part < used; ++part) add_to(partial, partial + part * part_floats, part_floats);
    plan->reorder_weight(partial, grad_weight);
  });
}

}  // namespace farro
