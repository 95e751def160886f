// SPDX-License-Identifier: Apache-2.0
// Reflection over Args: schema, text, visitor, inputs, copies that outlive the call; and what a node keeps.
#include <farro/autograd/node/node.h>

#include "op_test.h"

namespace farro {
namespace {

using namespace op_test;
using ::testing::ElementsAre;

enum class Mode : uint8_t { first, second };

struct Window {
  Dims stride;
  bool ceil = false;
  static constexpr std::array names{"stride", "ceil"};
};
struct Outer {
  Window window;
  int32_t groups = 1;
  static constexpr std::array names{"window", "groups"};
};

struct Everything {
  const Tensor& x;
  const Tensor& bias;
  TensorList rest;
  TensorList masks;
  const Outer& outer;
  Shape sizes;
  double alpha;
  float beta;
  bool flag;
  int64_t dim;
  Scalar number;
  DType dtype;
  Device device;
  Mode mode;
  static constexpr std::array names{"x",    "bias?", "rest", "masks?", "outer", "sizes",  "alpha",
                                    "beta", "flag",  "dim",  "number", "dtype", "device", "mode"};
};

struct Made {
  Tensor x = zeros({2, 3}), bias;
  std::vector<Tensor> rest{ones({1}), ones({2})}, masks{Tensor(), zeros({4}, {.dtype = DType::boolean})};
  Outer outer{{{2, 3}, true}, 4};
  Everything args() const {
    return {x, bias, rest, masks, outer, {7, 8}, 0.5, 0.25f, true, -1, 3, DType::bf16, Device::cpu(), Mode::second};
  }
};

constexpr const char* kText =
    "x: f32 [2, 3] cpu, bias: undefined, rest: [f32 [1] cpu, f32 [2] cpu], masks: [undefined, bool [4] cpu], "
    "stride: [2, 3], ceil: true, groups: 4, sizes: [7, 8], alpha: 0.5, beta: 0.25, flag: true, dim: -1, number: 3, "
    "dtype: bf16, device: cpu, mode: 1";

TEST(Fields, SchemaNamesTypesAndOptionalInputs) {
  EXPECT_EQ(
      schema_of<Everything>(),
      "(Tensor x, Tensor bias?, Tensor[] rest, Tensor[] masks?, int[] stride, bool ceil, int groups, int[] sizes, "
      "float alpha, float beta, bool flag, int dim, Scalar number, DType dtype, Device device, enum mode)");
  EXPECT_TRUE(detail::optional_member<Everything>(1) && detail::optional_member<Everything>(3));
  EXPECT_FALSE(detail::optional_member<Everything>(0) || detail::optional_member<Everything>(2));
  EXPECT_EQ(kStaticInputs<Everything>, -1);
  EXPECT_EQ(kStaticInputs<Probe<0>::Args>, 1);
}

TEST(Fields, TextShowsEveryValue) { EXPECT_EQ(describe(Made().args()), kText); }

TEST(Fields, InputsAreCountedThroughLists) {
  const Made made;
  std::vector<std::string> seen;
  for_each_input_member(made.args(), [&](auto member, int i, const Tensor& tensor) {
    seen.push_back(str(Everything::names[member], i, tensor.defined() ? "" : " undefined"));
  });
  EXPECT_THAT(seen, ElementsAre("x0", "bias?1 undefined", "rest2", "rest3", "masks?4 undefined", "masks?5"));
  EXPECT_EQ(input_name(made.args(), 1), "bias");
  EXPECT_EQ(input_name(made.args(), 3), "rest[1]");
  EXPECT_EQ(input_name(made.args(), 5), "masks[1]");
}

struct Visitor : ArgVisitor {
  std::vector<std::string> seen;
  void tensor(std::string_view name, const Tensor& v) override { seen.push_back(str("tensor ", name, " ", v)); }
  void tensors(std::string_view name, TensorList v) override { seen.push_back(str("tensors ", name, " ", v.size())); }
  void integer(std::string_view name, int64_t v) override { seen.push_back(str("integer ", name, " ", v)); }
  void boolean(std::string_view name, bool v) override { seen.push_back(str("boolean ", name, " ", v)); }
  void real(std::string_view name, double v) override { seen.push_back(str("real ", name, " ", v)); }
  void integers(std::string_view name, std::span<const int64_t> v) override {
    seen.push_back(str("integers ", name, " ", v.size(), " ", v[0]));
  }
  void scalar(std::string_view name, const Scalar& v) override { seen.push_back(str("scalar ", name, " ", v)); }
  void dtype(std::string_view name, DType v) override { seen.push_back(str("dtype ", name, " ", v)); }
  void device(std::string_view name, Device v) override { seen.push_back(str("device ", name, " ", v)); }
};

TEST(Fields, VisitorsSeeEveryValueByType) {
  Visitor visitor;
  visit_args(Made().args(), visitor);
  EXPECT_THAT(visitor.seen,
              ElementsAre("tensor x f32 [2, 3] cpu", "tensor bias undefined", "tensors rest 2", "tensors masks 2",
                          "integers stride 2 2", "boolean ceil true", "integer groups 4", "integers sizes 2 7",
                          "real alpha 0.5", "real beta 0.25", "boolean flag true", "integer dim -1", "scalar number 3",
                          "dtype dtype bf16", "device device cpu", "integer mode 1"));
}

TEST(Fields, OwnedArgumentsOutliveTheCall) {
  auto made = std::make_unique<Made>();
  const Tensor x = made->x;
  const OwnedArgs<Everything> owned(made->args());
  std::vector<size_t> members;
  const OwnedArgs<Everything> mapped(made->args(), [&](size_t member, const Tensor& tensor) {
    members.push_back(member);
    return tensor.defined() ? tensor.to(DType::f64) : tensor;
  });
  made.reset();
  EXPECT_EQ(describe(owned.args()), kText);
  EXPECT_TRUE(owned.args().x.is_same(x));
  EXPECT_THAT(members, ElementsAre(0u, 1u, 2u, 2u, 3u, 3u));
  EXPECT_EQ(mapped.args().x.dtype(), DType::f64);
  EXPECT_EQ(mapped.args().rest[1].dtype(), DType::f64);
  EXPECT_FALSE(mapped.args().masks[0].defined());
  EXPECT_EQ(mapped.args().outer.window.stride, (Dims{2, 3}));
}

// --- what a node keeps

struct Keeping {
  static constexpr OpInfo info{.name = "keeping"};
  static constexpr int kOutputs = 2;
  struct Args {
    const Tensor& data;
    const Tensor& sizes;
    const Tensor& both;
    const Tensor& none;
    TensorList list;
    double value;
    static constexpr std::array names{"data?", "sizes?", "both?", "none?", "list?", "value"};
  };
  static constexpr Keep kKeep =
      Keep::inputs<Args>("data", "both", "list") | Keep::sizes<Args>("sizes", "both", "list") | Keep::outputs(1);
};

using Kept = detail::KeptCall<Keeping>;

template <class Fn>
void with_kept(const Kept& kept, Fn&& fn) {
  const auto values = kept.restore_args();
  fn(detail::rebuild_args<Keeping::Args>(values), kept.restore_outputs());
}

TEST(Keep, ANodeKeepsWhatTheOpSays) {
  const Tensor t = tensor({1, 2, 3}), u = zeros({4}, {.dtype = DType::f64});
  const Tensor list[] = {u, Tensor(), t};
  const Outputs<Keeping> out{zeros({1}), zeros({2})};
  const Kept kept({t, u, u, t, list, 2.5}, out, Keeping::kKeep);
  with_kept(kept, [&](const Keeping::Args& args, const Outputs<Keeping>& outputs) {
    EXPECT_EQ(args.data.storage().get(), t.storage().get());
    EXPECT_TRUE(args.sizes.is_meta());
    EXPECT_EQ(args.sizes.sizes(), (Shape{4}));
    EXPECT_EQ(args.sizes.dtype(), DType::f64);
    EXPECT_EQ(args.both.storage().get(), u.storage().get());
    EXPECT_FALSE(args.none.defined());
    ASSERT_EQ(args.list.size(), 3u);
    EXPECT_EQ(args.list[0].storage().get(), u.storage().get());
    EXPECT_FALSE(args.list[1].defined());
    EXPECT_EQ(args.value, 2.5);
    EXPECT_FALSE(outputs[0].defined());
    EXPECT_EQ(outputs[1].storage().get(), out[1].storage().get());
  });
}

TEST(Keep, LeavesOutWhatTheCallDoesNotNeed) {
  const Tensor t = tensor({1, 2, 3});
  const Tensor list[] = {t, Tensor()};
  const Outputs<Keeping> out{zeros({1}), zeros({2})};
  const Kept kept({t, t, t, t, list, 1.5}, out, Keep::sizes<Keeping::Args>("both", "list"));
  with_kept(kept, [&](const Keeping::Args& args, const Outputs<Keeping>& outputs) {
    EXPECT_FALSE(args.data.defined());
    EXPECT_FALSE(args.sizes.defined());
    EXPECT_TRUE(args.both.is_meta());
    EXPECT_TRUE(args.list[0].is_meta());
    EXPECT_FALSE(args.list[1].defined());
    EXPECT_FALSE(outputs[1].defined());
    EXPECT_EQ(args.value, 1.5);
  });
  EXPECT_EQ(t.storage()->use_count(), 1u);  // sizes hold no elements
}

TEST(Keep, AbsentInputsStayAbsent) {
  const Tensor none;
  const Outputs<Keeping> out{zeros({1}), zeros({2})};
  const Kept kept({none, none, none, none, {}, 0}, out, Keeping::kKeep);
  with_kept(kept, [&](const Keeping::Args& args, const Outputs<Keeping>&) {
    EXPECT_FALSE(args.data.defined() || args.sizes.defined() || args.both.defined() || args.none.defined());
    EXPECT_TRUE(args.list.empty());
  });
}

TEST(Keep, ReleaseLetsGoOfElementsAlone) {
  const Tensor t = tensor({1, 2, 3});
  const Outputs<Keeping> out{zeros({1}), zeros({2})};
  Kept kept({t, t, t, t, {}, 3}, out, Keeping::kKeep);
  EXPECT_GT(t.storage()->use_count(), 1u);
  kept.release();
  with_kept(kept, [&](const Keeping::Args& args, const Outputs<Keeping>& outputs) {
    EXPECT_FALSE(args.data.defined() || outputs[1].defined());
    EXPECT_EQ(args.sizes.sizes(), (Shape{3}));
    EXPECT_EQ(args.value, 3);
  });
  EXPECT_EQ(out[1].storage()->use_count(), 1u);
}

}  // namespace
}  // namespace farro
