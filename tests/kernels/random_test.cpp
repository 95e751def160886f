// SPDX-License-Identifier: Apache-2.0
// Philox against published vectors, generators, and the random tensors: fixed bits, moments, thread and layout
// independence.
#include <farro/autograd/node/grad_mode.h>
#include <farro/core/parallel/parallel.h>
#include <farro/core/random/generator.h>
#include <farro/kernels/memory/factories.h>
#include <farro/kernels/random/dropout.h>
#include <farro/kernels/random/random.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <thread>

namespace farro {
namespace {

// kat_vectors of the Random123 distribution, philox4x32 with 10 rounds.
static_assert(philox4x32({{0, 0, 0, 0}}, {{0, 0}}).v[0] == 0x6627e8d5u);
TEST(Philox, KnownAnswers) {
  struct Case {
    PhiloxBlock counter;
    PhiloxKey key;
    PhiloxBlock expected;
  };
  const Case cases[] = {
      {{{0, 0, 0, 0}}, {{0, 0}}, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}},
      {{{~0u, ~0u, ~0u, ~0u}}, {{~0u, ~0u}}, {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}}},
      {{{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}},
       {{0xa4093822, 0x299f31d0}},
       {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}},
  };
  for (const Case& c : cases) {
    const PhiloxBlock got = philox4x32(c.counter, c.key);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(got.v[i], c.expected.v[i]);
  }
}

TEST(Generator, ReservesDisjointRangesAndKeepsItsState) {
  Generator generator(7);
  EXPECT_EQ(generator.reserve(10), (PhiloxState{.seed = 7, .stream = 0, .offset = 0}));
  EXPECT_EQ(generator.reserve(1).offset, 10u);
  const PhiloxState saved = generator.state();
  EXPECT_EQ(saved.offset, 11u);
  generator.manual_seed(8);
  EXPECT_EQ(generator.state(), (PhiloxState{.seed = 8}));
  generator.set_state(saved);
  EXPECT_EQ(generator.reserve(1), saved);

  std::vector<uint64_t> firsts(400);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < 100; ++i) firsts[t * 100 + i] = generator.reserve(3).offset;
    });
  for (std::thread& thread : threads) thread.join();
  std::sort(firsts.begin(), firsts.end());
  for (size_t i = 1; i < firsts.size(); ++i) EXPECT_EQ(firsts[i], firsts[i - 1] + 3);
}

TEST(Generator, ChildrenDependOnSeedStreamAndIndexOnly) {
  Generator a(1), b(1), c(2);
  a.reserve(5);
  EXPECT_EQ(a.child(3), b.child(3));
  EXPECT_FALSE(a.child(3) == a.child(4));
  EXPECT_FALSE(a.child(3) == c.child(3));
  EXPECT_FALSE(Generator(a.child(3)).child(3) == a.child(3));
}

TEST(RandomSequence, DrawsBelowABoundWithoutBias) {
  RandomSequence sequence(Generator(3).state());
  std::vector<int> counts(6);
  for (int i = 0; i < 60000; ++i) ++counts[sequence.below(6)];
  for (int count : counts) EXPECT_NEAR(count, 10000, 400);
  for (int i = 0; i < 1000; ++i) {
    const double u = sequence.uniform();
    EXPECT_TRUE(u >= 0 && u < 1);
  }
}

uint64_t hash_of(const Tensor& t) {
  const Tensor dense = t.contiguous();
  const auto* bytes = static_cast<const unsigned char*>(dense.raw_data());
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t i = 0; i < dense.nbytes(); ++i) hash = (hash ^ bytes[i]) * 0x100000001b3;
  return hash;
}

// The values are part of the interface: a seed gives the same numbers on every machine, in every version.
TEST(Random, FixedBits) {
  manual_seed(42);
  EXPECT_EQ(rand({5}).to_vector<float>(),
            (std::vector<float>{0x1.39d5ep-1f, 0x1.dfd524p-2f, 0x1.2bf5p-4f, 0x1.5d0accp-2f, 0x1.f9b642p-1f}));
  EXPECT_EQ(randn({5}).to_vector<float>(),
            (std::vector<float>{-0x1.09997p-1f, 0x1.590c8ap-2f, 0x1.3043e6p-3f, -0x1.fd8cdcp-1f, -0x1.650d28p-1f}));
  EXPECT_EQ(randn({3}, {.dtype = DType::f64}).to_vector<double>(),
            (std::vector<double>{0x1.2e1b744b10ba5p-1, -0x1.b2df6077e5d91p-5, 0x1.83e35575c49b8p+0}));
}

// Runs under every instruction set (see CMakeLists.txt).
TEST(Random, FixedBitsOfLongDraws) {
  manual_seed(1);
  const int64_t n = 100'003;
  const auto hash_fill = [&](DType dtype, auto fill) {
    Tensor t = empty({n}, {.dtype = dtype});
    fill(t);
    return hash_of(t);
  };
  const auto uniform = [](Tensor& t) { t.uniform_(-1.7, 2.3); };
  const auto normal = [](Tensor& t) { t.normal_(0.3, 1.9); };
  EXPECT_EQ(hash_fill(DType::f32, uniform), 2835514896417527253u);
  EXPECT_EQ(hash_fill(DType::f64, uniform), 12678578980829221350u);
  EXPECT_EQ(hash_fill(DType::f16, uniform), 10303281594285606954u);
  EXPECT_EQ(hash_fill(DType::bf16, uniform), 10651619293025979275u);
  EXPECT_EQ(hash_fill(DType::f32, normal), 2615743222737198313u);
  EXPECT_EQ(hash_fill(DType::f64, normal), 16626791293096713954u);
  EXPECT_EQ(hash_fill(DType::f16, normal), 6804285178972688164u);
  EXPECT_EQ(hash_of(randint(-5, 1000, {n})), 6642982342609369558u);
  EXPECT_EQ(hash_of(randint(INT64_MIN, INT64_MAX, {n})), 9876914545918305703u);
  EXPECT_EQ(hash_fill(DType::boolean, [](Tensor& t) { t.bernoulli_(0.3); }), 18101001357595166711u);
  EXPECT_EQ(hash_of(bernoulli(rand({n}))), 2174079008578882245u);
  EXPECT_EQ(hash_of(dropout(randn({n}), 0.3)), 460055165969900816u);
  EXPECT_EQ(hash_of(randperm(n)), 17997267481030038825u);
}

// Calls draw() from a fresh seed.
template <class Draw>
Tensor seeded(Draw&& draw) {
  manual_seed(5);
  return draw();
}

TEST(Random, ThreadsDoNotMatter) {
  const int threads = num_threads();
  const auto all = [] {
    return std::vector<uint64_t>{hash_of(rand({70'001})), hash_of(randn({70'001}, {.dtype = DType::f64})),
                                 hash_of(dropout(rand({70'001}), 0.5)), hash_of(randint(0, 1 << 20, {70'001})),
                                 hash_of(bernoulli(rand({70'001})))};
  };
  manual_seed(5);
  set_num_threads(1);
  const auto one = all();
  manual_seed(5);
  set_num_threads(3);
  EXPECT_EQ(all(), one);
  set_num_threads(threads);
}

TEST(Random, LayoutDoesNotMatter) {
  const Tensor dense = seeded([] { return randn({30, 40}); });
  const Tensor turned = seeded([] {
    Tensor t = empty({40, 30}).t();
    return t.normal_();
  });
  EXPECT_FALSE(turned.is_contiguous());
  EXPECT_EQ(turned.to_vector<float>(), dense.to_vector<float>());
  Tensor x = rand({30, 40});
  EXPECT_EQ(seeded([&] { return dropout(x, 0.5); }).to_vector<float>(),
            seeded([&] { return dropout(x.t().contiguous().t(), 0.5); }).to_vector<float>());
}

TEST(Random, DrawsContinueWhereTheLastEnded) {
  const Tensor whole = seeded([] { return rand({24}); });
  const Tensor second = seeded([] {
    rand({16});
    return rand({8});
  });
  EXPECT_EQ(second.to_vector<float>(), whole.narrow(0, 16, 8).to_vector<float>());
  manual_seed(5);
  rand({0});
  rand({5}, {.device = Device::meta()});
  EXPECT_EQ(default_generator().state().offset, 0u);
  rand({5});
  EXPECT_EQ(default_generator().state().offset, 2u);
}

double mean_of(const std::vector<double>& v) {
  double sum = 0;
  for (double x : v) sum += x;
  return sum / static_cast<double>(v.size());
}
double moment(const std::vector<double>& v, int power) {
  double sum = 0;
  for (double x : v) sum += std::pow(x, power);
  return sum / static_cast<double>(v.size());
}

TEST(Random, MomentsOfEveryDtype) {
  manual_seed(11);
  for (DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16}) {
    const auto u = rand({400'000}, {.dtype = dtype}).to_vector<double>();
    // bfloat16's 8 bits shift the mean by 2^-9.
    EXPECT_NEAR(mean_of(u), 0.5, dtype == DType::bf16 ? 0.004 : 0.002) << name(dtype);
    EXPECT_NEAR(moment(u, 2), 1.0 / 3, 0.004) << name(dtype);
    EXPECT_GE(*std::min_element(u.begin(), u.end()), 0);
    EXPECT_LT(*std::max_element(u.begin(), u.end()), 1) << name(dtype);
    const auto z = randn({400'000}, {.dtype = dtype}).to_vector<double>();
    EXPECT_NEAR(mean_of(z), 0, 0.006) << name(dtype);
    EXPECT_NEAR(moment(z, 2), 1, 0.01) << name(dtype);
    EXPECT_NEAR(moment(z, 3), 0, 0.03) << name(dtype);
    EXPECT_NEAR(moment(z, 4), 3, 0.06) << name(dtype);
    EXPECT_NEAR(static_cast<double>(std::count_if(z.begin(), z.end(), [](double x) { return x > 2; })),
                400'000 * 0.02275, 400);
  }
}

// Against Box-Muller in the C library's double precision.
TEST(Random, NormalsAreAccurate) {
  manual_seed(21);
  const auto f = randn({40'000}).to_vector<float>();
  for (uint64_t block = 0; block < 10'000; ++block) {
    const PhiloxBlock w = philox_block({.seed = 21}, block);
    for (int pair = 0; pair < 2; ++pair) {
      const double u = (static_cast<double>(w.v[2 * pair] >> 1) + 0.5) * 0x1p-31;
      const double radius = std::sqrt(-2 * std::log(u));
      const double turn = (w.v[2 * pair + 1] >> 30) + static_cast<int32_t>(w.v[2 * pair + 1] << 2) * 0x1p-32;
      const double angle = turn * std::acos(-1.0) / 2;
      const size_t i = 4 * block + 2 * static_cast<size_t>(pair);
      EXPECT_NEAR(f[i], radius * std::cos(angle), 2e-6);
      EXPECT_NEAR(f[i + 1], radius * std::sin(angle), 2e-6);
    }
  }
}

TEST(Random, UniformStaysInItsRange) {
  manual_seed(2);
  Tensor t = empty({100'000});
  t.uniform_(1, 1 + 0x1p-22);  // two steps of a float: rounding would reach the end
  for (float v : t.to_vector<float>()) EXPECT_TRUE(v >= 1.0f && v < 1.0f + 0x1p-22f);
  t.uniform_(3, 3);
  for (float v : t.to_vector<float>()) EXPECT_EQ(v, 3.0f);
}

TEST(Random, Integers) {
  manual_seed(3);
  const auto small = randint(-2, 4, {60'000}).to_vector<int64_t>();
  for (int64_t v = -2; v < 4; ++v)
    EXPECT_NEAR(static_cast<double>(std::count(small.begin(), small.end(), v)), 10'000, 400);
  EXPECT_EQ(randint(7, 8, {10}).to_vector<int64_t>(), std::vector<int64_t>(10, 7));
  for (int64_t v : randint(INT64_MAX - 100'000, INT64_MAX, {1000}).to_vector<int64_t>())
    EXPECT_GE(v, INT64_MAX - 100'000);
  EXPECT_EQ(randint(0, 256, {3}, {.dtype = DType::u8}).dtype(), DType::u8);
  EXPECT_EQ(randint(0, 256, {3}, {.dtype = DType::f32}).dtype(), DType::f32);
}

TEST(Random, PermutationsHoldEveryNumberOnce) {
  manual_seed(4);
  auto order = randperm(1000).to_vector<int64_t>();
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  for (int64_t i = 0; i < 1000; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
  EXPECT_EQ(randperm(0).numel(), 0);
  EXPECT_EQ(randperm(1).item<int64_t>(), 0);
  // All six orders of three are equally likely.
  std::vector<int> counts(27);
  for (int i = 0; i < 6000; ++i) {
    const auto p = randperm(3).to_vector<int64_t>();
    ++counts[static_cast<size_t>(p[0] * 9 + p[1] * 3 + p[2])];
  }
  for (int count : counts) EXPECT_TRUE(count == 0 || std::abs(count - 1000) < 130) << count;
}

TEST(Random, BernoulliFollowsItsProbabilities) {
  manual_seed(6);
  const Tensor p = tensor({0, 1, 0.25}).reshape({3, 1}).expand({3, 20'000});
  const Tensor draw = bernoulli(p);
  EXPECT_EQ(mean_of(draw[0].to_vector<double>()), 0);
  EXPECT_EQ(mean_of(draw[1].to_vector<double>()), 1);
  EXPECT_NEAR(mean_of(draw[2].to_vector<double>()), 0.25, 0.01);
  Tensor filled = empty({20'000}, {.dtype = DType::i32});
  EXPECT_NEAR(mean_of(filled.bernoulli_(0.25).to_vector<double>()), 0.25, 0.01);
  EXPECT_EQ(mean_of(filled.bernoulli_(1).to_vector<double>()), 1);
  EXPECT_EQ(mean_of(filled.bernoulli_(0).to_vector<double>()), 0);
}

TEST(Dropout, DropsScalesAndSendsTheGradientTheSameWay) {
  manual_seed(8);
  for (DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16}) {
    Tensor x = ones({1001}, {.dtype = dtype, .requires_grad = true});
    const Tensor y = dropout(x, 0.2);
    EXPECT_EQ(y.dtype(), dtype);
    int dropped = 0;
    for (double v : y.to_vector<double>()) {
      if (v == 0)
        ++dropped;
      else
        EXPECT_NEAR(v, 1.25, 0);
    }
    EXPECT_NEAR(dropped, 200, 60);
    y.backward(ones_like(y));
    EXPECT_EQ(x.grad().to_vector<double>(), y.to_vector<double>());
  }
}

TEST(Dropout, Ends) {
  const Tensor x = rand({10});
  EXPECT_TRUE(dropout(x, 0.5, false).is_same(x));
  EXPECT_TRUE(dropout(x, 0).is_same(x));
  EXPECT_EQ(dropout(x, 1).to_vector<float>(), std::vector<float>(10, 0));
  EXPECT_EQ(dropout(rand({0, 3})).sizes(), (Shape{0, 3}));
  EXPECT_TRUE(dropout(rand({2, 3}, {.device = Device::meta()})).is_meta());
}

template <class E, class Call>
std::string error_of(Call&& call) {
  try {
    call();
  } catch (const E& error) {
    return error.what();
  }
  return "no error";
}

TEST(Random, Errors) {
  manual_seed(1);
  Tensor f = empty({2}), i = empty({2}, {.dtype = DType::i64});
  EXPECT_EQ(error_of<DTypeError>([&] { i.uniform_(); }),
            "uniform_: tensor must have a floating dtype, got i64 [2] cpu");
  EXPECT_EQ(error_of<ValueError>([&] { f.uniform_(2, 1); }),
            "uniform_: low and high must be in order, and they and their distance values of f32, got low 2 and high 1");
  EXPECT_EQ(error_of<DTypeError>([&] { i.normal_(); }), "normal_: tensor must have a floating dtype, got i64 [2] cpu");
  EXPECT_EQ(error_of<ValueError>([&] { f.normal_(0, -1); }), "normal_: std must not be negative, got -1");
  EXPECT_EQ(error_of<ValueError>([&] { f.bernoulli_(1.5); }), "bernoulli_: p must be in [0, 1], got 1.5");
  EXPECT_EQ(error_of<ValueError>([&] { bernoulli(tensor({0.5, 2})); }),
            "bernoulli: probabilities must be in [0, 1], got 2 at element 1 (p: f32 [2] cpu)");
  EXPECT_EQ(error_of<DTypeError>([&] { bernoulli(i); }),
            "bernoulli: tensor must have a floating dtype, got i64 [2] cpu");
  EXPECT_EQ(error_of<ValueError>([&] { randint(3, 3, {1}); }), "randint: low must be below high, got low 3 and high 3");
  EXPECT_EQ(error_of<ValueError>([&] { randint(0, 257, {1}, {.dtype = DType::u8}); }),
            "randint: the range must fit the dtype u8, got low 0 and high 257");
  EXPECT_EQ(error_of<ValueError>([&] { randperm(-1); }), "randperm: n must not be negative, got -1");
  EXPECT_EQ(error_of<ValueError>([&] { dropout(f, -0.1); }), "dropout: p must be in [0, 1], got -0.1");
  EXPECT_EQ(error_of<DTypeError>([&] { dropout(i); }),
            "dropout: x must have a floating dtype, got i64 (x: i64 [2] cpu)");
  EXPECT_EQ(error_of<AutogradError>([&] { f.set_requires_grad().normal_(); }),
            "normal_: a leaf that requires a gradient must not be changed in place, got f32 [2] cpu; wrap the change "
            "in no_grad");
}

TEST(Random, FillsThatFailLeaveTheGeneratorAlone) {
  Generator generator(5);
  Tensor leaf = zeros({2}).set_requires_grad(), expanded = zeros({1}).expand({3}),
         integers = empty({2}, {.dtype = DType::i64});
  const auto fails = [&](Tensor& target) {
    EXPECT_THROW(uniform_(target, 0, 1, generator), Error);
    EXPECT_THROW(normal_(target, 0, 1, generator), Error);
  };
  fails(leaf);
  fails(expanded);
  fails(integers);
  EXPECT_THROW(bernoulli_(leaf, 0.5, generator), AutogradError);
  EXPECT_EQ(generator.state().offset, 0u);
}

}  // namespace
}  // namespace farro
