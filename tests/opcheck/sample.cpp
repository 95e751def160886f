// SPDX-License-Identifier: Apache-2.0
// The samples of all ops, collected once from the generated list of families.
#include <farro/tests/opcheck/sample.h>

namespace farro::opcheck {

void collect_samples(SampleSink& sink);  // generated

const std::vector<OpSamples>& all_samples() {
  static const SampleSink sink = [] {
    SampleSink filled;
    collect_samples(filled);
    return filled;
  }();
  return sink.ops();
}

OpSamples& SampleSink::of(const std::string& op) {
  for (OpSamples& samples : ops_)
    if (samples.op == op) return samples;
  return ops_.emplace_back(OpSamples{.op = op});
}

void SampleSink::add(const std::string& op, Sample sample) { of(op).samples.push_back(std::move(sample)); }

void SampleSink::function(const std::string& name, Sample sample) {
  OpSamples& samples = of(name);
  FARRO_CHECK(samples.kind == SampleKind::function || (samples.samples.empty() && samples.errors.empty()),
              InternalError, "sample: a name must be an op or a function, got both: ", name);
  samples.kind = SampleKind::function;
  samples.samples.push_back(std::move(sample));
}

void SampleSink::add_error(const std::string& op, ErrorSample sample) { of(op).errors.push_back(std::move(sample)); }

namespace {

Input shaped(const Input& values, const Shape& sizes) {
  Input input = values;
  input.sizes = sizes;
  return input;
}

Sample make(std::string label, std::vector<Input> inputs, const Run& run, const Reference& reference,
            const PointwiseOptions& options) {
  return {.label = std::move(label),
          .inputs = std::move(inputs),
          .run = run,
          .reference = reference,
          .dtypes = options.dtypes,
          .grad = options.grad,
          .exact = options.exact};
}

}  // namespace

void SampleSink::add_unary(const std::string& op, const Run& run, const Reference& reference,
                           const PointwiseOptions& options) {
  const Input& values = options.values;
  // 37 and 300: whole vectors with a tail, and more than one block of converted values.
  for (const Shape& sizes :
       {Shape{}, Shape{1}, Shape{37}, Shape{0, 3}, Shape{3, 1, 5}, Shape{2, 3, 4, 5}, Shape{2, 3, 2, 3, 2}})
    add(op, make(str(sizes), {shaped(values, sizes)}, run, reference, options));
  Sample blocks = make("[300]", {shaped(values, {300})}, run, reference, options);
  blocks.grad = Grad::none;
  add(op, blocks);
  if (!options.special) return;
  Sample special = make("special values", {shaped(values, {32}).special()}, run, reference, options);
  special.dtypes &= kFloating;
  add(op, special);
}

void SampleSink::add_binary(const std::string& op, const Run& run, const Reference& reference,
                            const PointwiseOptions& options) {
  const Input& values = options.values;
  struct Pair {
    Shape a, b;
  };
  for (const auto& [a, b] : {Pair{{}, {}}, Pair{{1}, {1}}, Pair{{19}, {19}}, Pair{{2, 3, 2, 3}, {2, 3, 2, 3}},
                             Pair{{3, 1}, {1, 4}}, Pair{{2, 3}, {}}, Pair{{4}, {3, 4}}, Pair{{2, 1, 3}, {4, 1}},
                             Pair{{0, 3}, {1, 3}}, Pair{{2, 2, 1, 2, 1}, {2, 1, 3}}})
    add(op, make(str(a, " and ", b), {shaped(values, a), shaped(values, b)}, run, reference, options));
  Sample blocks = make("[300] and [300]", {shaped(values, {300}), shaped(values, {300})}, run, reference, options);
  blocks.grad = Grad::none;
  add(op, blocks);
  if (!options.special) return;
  Sample special = make("special values", {shaped(values, {8, 1}).special(), shaped(values, {8}).special()}, run,
                        reference, options);
  special.dtypes &= kFloating;
  add(op, special);
}

}  // namespace farro::opcheck
