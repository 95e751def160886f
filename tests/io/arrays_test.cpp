// SPDX-License-Identifier: Apache-2.0
// safetensors, npy and IDX: round trips, bit for bit, and every kind of file that must be refused.
#include <farro/core/dtype/visit.h>
#include <farro/core/io/npy.h>
#include <farro/core/io/safetensors.h>
#include <farro/data/dataset/idx.h>

#include "io_test.h"

#include <zlib.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

namespace farro::io {
namespace {

constexpr DType kAllDTypes[] = {DType::f64, DType::f32, DType::f16, DType::bf16, DType::i64,
                                DType::i32, DType::i16, DType::i8,  DType::u8,   DType::boolean};

// Every byte pattern, so NaN payloads, -0 and subnormal numbers too; 0 and 1 for bool.
Tensor random_bits(DType dtype, const Shape& shape) {
  static std::mt19937 random(7);
  Tensor tensor = empty(shape, {.dtype = dtype, .device = Device::cpu()});
  auto* bytes = static_cast<unsigned char*>(tensor.raw_data());
  for (size_t i = 0; i < tensor.nbytes(); ++i)
    bytes[i] = static_cast<unsigned char>(dtype == DType::boolean ? random() & 1 : random());
  return tensor;
}

std::string bytes_of(const Tensor& tensor) { return {static_cast<const char*>(tensor.raw_data()), tensor.nbytes()}; }

void expect_same(const Tensor& a, const Tensor& b) {
  EXPECT_EQ(a.dtype(), b.dtype());
  EXPECT_EQ(a.sizes(), b.sizes());
  EXPECT_EQ(bytes_of(a), bytes_of(b));
}

NamedTensors all_kinds() {
  NamedTensors tensors;
  for (const DType dtype : kAllDTypes) {
    const std::string prefix = str("layer.", dtype);
    tensors.emplace_back(prefix + ".weight", random_bits(dtype, {3, 5}));
    tensors.emplace_back(prefix + ".scalar", random_bits(dtype, {}));
    tensors.emplace_back(prefix + ".empty", random_bits(dtype, {4, 0, 2}));
    tensors.emplace_back(prefix + ".deep", random_bits(dtype, {1, 2, 1, 2, 1, 2, 1, 3}));
  }
  return tensors;
}

std::string length_text(uint64_t length) {
  std::string text(8, '\0');
  for (size_t i = 0; i < 8; ++i) text[i] = static_cast<char>(length >> (8 * i) & 255);
  return text;
}
std::string with_header(const std::string& json, const std::string& data = "") {
  return length_text(json.size()) + json + data;
}

TEST(Safetensors, RoundTripsEveryDTypeBitForBit) {
  const TemporaryFolder folder;
  const NamedTensors tensors = all_kinds();
  const Metadata metadata = {{"format", "pt"}, {"note", "quotes \" and \xc3\xa9\n"}};
  save_safetensors(folder.file("a"), tensors, metadata);
  const LoadedTensors loaded = load_safetensors(folder.file("a"), {.require_checksum = true});
  EXPECT_EQ(loaded.metadata, metadata);
  ASSERT_EQ(loaded.tensors.size(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ(loaded.tensors[i].first, tensors[i].first);
    expect_same(loaded.tensors[i].second, tensors[i].second);
  }
}

TEST(Safetensors, TheSameContentGivesTheSameBytes) {
  const TemporaryFolder folder;
  const NamedTensors tensors = all_kinds();
  save_safetensors(folder.file("a"), tensors);
  save_safetensors(folder.file("b"), load_safetensors(folder.file("a")).tensors);
  EXPECT_EQ(read_file(folder.file("a")), read_file(folder.file("b")));
}

TEST(Safetensors, NoTensorsAtAll) {
  const TemporaryFolder folder;
  save_safetensors(folder.file("a"), {});
  EXPECT_TRUE(load_safetensors(folder.file("a"), {.require_checksum = true}).tensors.empty());
  put_file(folder.file("b"), with_header("{}"));
  EXPECT_TRUE(load_safetensors(folder.file("b")).tensors.empty());
}

TEST(Safetensors, TheLayoutIsTheFormats) {
  const TemporaryFolder folder;
  NamedTensors tensors = {{"bytes", random_bits(DType::u8, {3})}, {"doubles", random_bits(DType::f64, {2})}};
  save_safetensors(folder.file("a"), tensors);
  const SafetensorsFile file(folder.file("a"));
  EXPECT_EQ(file.entry("doubles").begin, 0u);  // the larger elements first: all are aligned
  EXPECT_EQ(file.entry("bytes").begin, 16u);
  EXPECT_EQ(file.entries()[0].name, "bytes");
  expect_same(file.read(file.entry("doubles")), tensors[1].second);
  EXPECT_THROW(file.entry("none"), ValueError);
  EXPECT_NO_THROW(file.verify(true));
  uint64_t header = 0;
  std::memcpy(&header, read_file(folder.file("a")).data(), 8);
  EXPECT_EQ(header % 8, 0u);
}

TEST(Safetensors, ReadsWhatOthersWrite) {
  const TemporaryFolder folder;
  put_file(folder.file("a"), with_header(R"({"b":{"shape":[2],"data_offsets":[4,8],"dtype":"I16"},)"
                                         R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}  )",
                                         std::string("\x00\x00\x80\x3f\x01\x00\xff\xff", 8)));
  const LoadedTensors loaded = load_safetensors(folder.file("a"));
  EXPECT_EQ(*loaded.tensors[1].second.data<float>(), 1.0f);
  EXPECT_EQ(loaded.tensors[0].second.data<int16_t>()[1], -1);
  expect_fault(FileFault::bad_checksum, "must hold a checksum, got none",
               [&] { load_safetensors(folder.file("a"), {.require_checksum = true}); });
}

TEST(Safetensors, RefusesHostileFiles) {
  const TemporaryFolder folder;
  const std::string a = R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]})";
  const auto tensor = [](const std::string& fields) { return R"({"a":{)" + fields + "}}"; };
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "{\"a\":";
  struct Case {
    std::string bytes;
    FileFault fault;
    std::string text;
  };
  const std::vector<Case> cases = {
      {"", FileFault::truncated, "at least 8 bytes, got 0"},
      {"1234567", FileFault::truncated, "at least 8 bytes, got 7"},
      {length_text(uint64_t{1} << 63) + "{}      ", FileFault::bad_magic,
       "at most 100000000 bytes, got 9223372036854775808"},
      {length_text(3) + "{}", FileFault::truncated, "its header must have 3 bytes, got 2"},
      {with_header("[]"), FileFault::bad_magic, "must begin with '{', got '['"},
      {with_header(""), FileFault::bad_magic, "must begin with '{', got ''"},
      {with_header(std::string(1'000'000, '[')), FileFault::bad_magic, "must begin with '{'"},
      {with_header("{\"a\":" + std::string(1'000'000, '[')), FileFault::bad_header, "got an array"},
      {with_header(deep), FileFault::bad_header, "got the key 'a'"},
      {with_header("{" + a), FileFault::bad_header, "must be JSON"},
      {with_header("{} {}"), FileFault::bad_header, "must be JSON"},
      {with_header(std::string("{}\0", 3)), FileFault::bad_header, "must be JSON"},
      {with_header("{\"\xff\":1}"), FileFault::bad_header, "must be JSON"},
      {with_header("{" + a + "," + a + "}", "1234"), FileFault::duplicate_key, "got 'a' twice"},
      {with_header(R"({"__metadata__":{"x":"1","x":"2"}})"), FileFault::duplicate_key, "got 'x' twice"},
      {with_header(R"({"__metadata__":{},"__metadata__":{}})"), FileFault::duplicate_key, "twice"},
      {with_header(R"({"__metadata__":{"x":1}})"), FileFault::bad_header, "got a number"},
      {with_header(R"({"__metadata__":[]})"), FileFault::bad_header, "got an array"},
      {with_header(tensor(R"("dtype":"U8","dtype":"U8","shape":[4],"data_offsets":[0,4])"), "1234"),
       FileFault::duplicate_key, "got 'dtype' twice"},
      {with_header(tensor(R"("shape":[4],"data_offsets":[0,4])"), "1234"), FileFault::bad_header, "got only some"},
      {with_header(tensor("")), FileFault::bad_header, "got only some (tensor: 'a')"},
      {with_header(tensor(R"("x":1)")), FileFault::bad_header, "the key 'x'"},
      {with_header(R"({"a":1})"), FileFault::bad_header, "got a number"},
      {with_header(R"({"a":null})"), FileFault::bad_header, "got null"},
      {with_header(R"({"a":true})"), FileFault::bad_header, "got true or false"},
      {with_header(R"({"a":"b"})"), FileFault::bad_header, "got a string"},
      {with_header(tensor(R"("dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4])"), "1234"), FileFault::bad_dtype,
       "got 'F8_E4M3' (tensor: 'a')"},
      {with_header(tensor(R"("dtype":["U8"],"shape":[4],"data_offsets":[0,4])"), "1234"), FileFault::bad_header,
       "an array"},
      {with_header(tensor(R"("dtype":"U8","shape":4,"data_offsets":[0,4])"), "1234"), FileFault::bad_header,
       "a number"},
      {with_header(tensor(R"("dtype":"U8","shape":[-4],"data_offsets":[0,4])"), "1234"), FileFault::bad_header,
       "number -4"},
      {with_header(tensor(R"("dtype":"U8","shape":[4.0],"data_offsets":[0,4])"), "1234"), FileFault::bad_header,
       "'4.0'"},
      {with_header(tensor(R"("dtype":"U8","shape":[[4]],"data_offsets":[0,4])"), "1234"), FileFault::bad_header,
       "an array"},
      {with_header(tensor(R"("dtype":"U8","shape":["4"],"data_offsets":[0,4])"), "1234"), FileFault::bad_header,
       "a string"},
      {with_header(tensor(R"("dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,4])"), "1234"),
       FileFault::bad_shape, "below 2^63"},
      {with_header(tensor(R"("dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,4])"), "1234"),
       FileFault::bad_header, "99999999999999999999"},
      {with_header(tensor(R"("dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0])")),
       FileFault::bad_shape, "below 2^63"},
      {with_header(tensor(R"("dtype":"F64","shape":[2305843009213693952],"data_offsets":[0,0])")), FileFault::bad_shape,
       "below 2^63"},
      {with_header(tensor(R"("dtype":"U8","shape":[4294967296,4294967296,0],"data_offsets":[0,0])")),
       FileFault::bad_shape, "below 2^63"},
      {with_header(tensor(R"("dtype":"U8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1])"), "1"),
       FileFault::bad_shape, "at most 8 dimensions"},
      {with_header(tensor(R"("dtype":"U8","shape":[4],"data_offsets":[0])"), "1234"), FileFault::bad_offsets, "got 1"},
      {with_header(tensor(R"("dtype":"U8","shape":[4],"data_offsets":[0,4,4])"), "1234"), FileFault::bad_offsets,
       "got 3"},
      {with_header(tensor(R"("dtype":"U8","shape":[4],"data_offsets":[4,0])"), "1234"), FileFault::bad_offsets,
       "got [4, 0]"},
      {with_header(tensor(R"("dtype":"U8","shape":[4],"data_offsets":[0,5])"), "12345"), FileFault::bad_offsets,
       "must span the 4 bytes of u8 [4], got 5"},
      {with_header(tensor(R"("dtype":"U8","shape":[4],"data_offsets":[1,5])"), "12345"), FileFault::bad_offsets,
       "where the tensor before ends, at 0"},
      {with_header("{" + a + R"(,"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}})", "123456"),
       FileFault::bad_offsets, "at 4, got [2, 6] (tensor: 'b')"},
      {with_header("{" + a + R"(,"b":{"dtype":"U8","shape":[4],"data_offsets":[5,9]}})", "123456789"),
       FileFault::bad_offsets, "at 4, got [5, 9]"},
      {with_header("{" + a + R"(,"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", "1234"),
       FileFault::bad_offsets, "at 4, got [0, 4]"},
      {with_header("{" + a + "}", "123"), FileFault::truncated, "must have 4 bytes of data, got 3"},
      {with_header("{" + a + "}", "12345"), FileFault::trailing_bytes, "must have 4 bytes of data, got 5"},
      {with_header("{}", "1"), FileFault::trailing_bytes, "must have 0 bytes of data, got 1"},
      {with_header(R"({"a":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}})", std::string("\x01\x02", 2)),
       FileFault::bad_value, "got 2"},
      {with_header(R"({"__metadata__":{"farro.crc32c":""}})"), FileFault::bad_checksum, "must be ''"},
      {with_header(R"({"__metadata__":{"farro.crc32c":"00000000"}})"), FileFault::bad_checksum, "must be '00000000'"},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(i);
    put_file(folder.file("x"), cases[i].bytes);
    const auto start = std::chrono::steady_clock::now();
    expect_fault(cases[i].fault, cases[i].text, [&] { load_safetensors(folder.file("x")); });
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
  }
}

TEST(Safetensors, RefusesWhatCannotBeWritten) {
  const TemporaryFolder folder;
  const Tensor t = random_bits(DType::f32, {2});
  EXPECT_THROW(save_safetensors(folder.file("a"), {{"x", Tensor()}}), ValueError);
  EXPECT_THROW(save_safetensors(folder.file("a"), {{"x", t}, {"x", t}}), ValueError);
  EXPECT_THROW(save_safetensors(folder.file("a"), {{"__metadata__", t}}), ValueError);
  EXPECT_THROW(save_safetensors(folder.file("a"), {{"\xff", t}}), ValueError);
  EXPECT_THROW(save_safetensors(folder.file("a"), {{"x", t}}, {{"\xff", "y"}}), ValueError);
  EXPECT_EQ(folder.file_count(), 0);
}

TEST(Npy, RoundTripsEveryDTypeOfNumPy) {
  const TemporaryFolder folder;
  for (const DType dtype : kAllDTypes) {
    if (dtype == DType::bf16) continue;
    for (const Shape& shape :
         {Shape{}, Shape{3}, Shape{0}, Shape{2, 3}, Shape{2, 0, 3}, Shape{1, 2, 1, 2, 1, 2, 1, 2}}) {
      const Tensor tensor = random_bits(dtype, shape);
      save_npy(folder.file("a.npy"), tensor);
      expect_same(load_npy(folder.file("a.npy")), tensor);
      EXPECT_EQ((read_file(folder.file("a.npy")).size() - tensor.nbytes()) % 64, 0u);
    }
  }
  EXPECT_THROW(save_npy(folder.file("a.npy"), random_bits(DType::bf16, {2})), DTypeError);
}

std::string npy(const std::string& header, const std::string& data = "", int version = 1) {
  std::string out = "\x93NUMPY";
  out += static_cast<char>(version);
  out += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) out += static_cast<char>(header.size() >> (8 * i) & 255);
  return out + header + data;
}

TEST(Npy, ReadsWhatNumPyWrites) {
  const TemporaryFolder folder;
  const std::string floats("\x00\x00\x80\x3f\x00\x00\x00\x40\x00\x00\x40\x40\x00\x00\x80\x40", 16);
  const std::string c = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }     \n";
  const std::string fortran = "{'shape': (2, 2), 'descr': \"<f4\", 'fortran_order': True}";
  for (const int version : {1, 2, 3}) {
    put_file(folder.file("a"), npy(c, floats, version));
    const Tensor tensor = load_npy(folder.file("a"));
    EXPECT_EQ(tensor.data<float>()[1], 2.0f);
    EXPECT_EQ(tensor.stride(0), 2);
  }
  put_file(folder.file("a"), npy(fortran, floats));
  const Tensor tensor = load_npy(folder.file("a"));
  EXPECT_EQ(tensor.sizes(), (Shape{2, 2}));
  EXPECT_EQ(tensor.stride(0), 1);
  EXPECT_EQ(tensor.stride(1), 2);
}

TEST(Npy, RefusesHostileFiles) {
  const TemporaryFolder folder;
  const auto shape = [](const std::string& text) {
    return "{'descr': '|u1', 'fortran_order': False, 'shape': " + text + "}";
  };
  struct Case {
    std::string bytes;
    FileFault fault;
    std::string text;
  };
  const std::vector<Case> cases = {
      {"", FileFault::bad_magic, "must begin with"},
      {"\x93NUMPX12345678", FileFault::bad_magic, "'\\x93NUMPX'"},
      {std::string("\x93NUMPY\x04\x00\x00\x00\x00\x00", 12), FileFault::bad_magic, "1.0, 2.0 or 3.0, got 4.0"},
      {std::string("\x93NUMPY\x01\x00", 8), FileFault::truncated, "at least 10 bytes, got 8"},
      {std::string("\x93NUMPY\x02\x00\xff\xff\xff\xff", 12), FileFault::bad_header,
       "at most 65536 bytes, got 4294967295"},
      {std::string("\x93NUMPY\x01\x00\xff\xff", 10), FileFault::truncated, "must have at least"},
      {npy(""), FileFault::bad_header, "must have { here, got its end"},
      {npy("__import__('os').system('true')"), FileFault::bad_header, "must have { here, got '__import__"},
      {npy("{}"), FileFault::bad_header, "descr, fortran_order and shape"},
      {npy("{'descr': '|u1', 'shape': (1,)}", "1"), FileFault::bad_header, "descr, fortran_order and shape"},
      {npy("{'x': 1}"), FileFault::bad_header, "descr, fortran_order or shape"},
      {npy("{'descr': '|u1', 'descr': '|u1'}"), FileFault::duplicate_key, "got 'descr' twice"},
      {npy("{'descr': '>f4', 'fortran_order': False, 'shape': (1,)}", "1234"), FileFault::bad_dtype, "got '>f4'"},
      {npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "1234"), FileFault::bad_dtype, "got '|O'"},
      {npy("{'descr': '', 'fortran_order': False, 'shape': (1,)}", "1234"), FileFault::bad_dtype, "got ''"},
      {npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}"), FileFault::bad_header,
       "a text in quotes"},
      {npy("{'descr': '|u1"), FileFault::bad_header, "closing quote"},
      {npy("{'descr': '|u1', 'fortran_order': 0, 'shape': (1,)}"), FileFault::bad_header, "True or False"},
      {npy(shape("(1)"), "1"), FileFault::bad_header, "a comma"},
      {npy(shape("[1]"), "1"), FileFault::bad_header, "must have ( here"},
      {npy(shape("(-1,)")), FileFault::bad_shape, "must not be negative"},
      {npy(shape("(1.5,)")), FileFault::bad_header, "a comma"},
      {npy(shape("(x,)")), FileFault::bad_header, "a whole number"},
      {npy(shape("(99999999999999999999,)")), FileFault::bad_shape, "below 2^63"},
      {npy(shape("(4294967296, 4294967296)")), FileFault::bad_shape, "below 2^63"},
      {npy(shape("(4294967296, 4294967296, 0)")), FileFault::bad_shape, "below 2^63"},
      {npy(shape("(1, 1, 1, 1, 1, 1, 1, 1, 1)"), "1"), FileFault::bad_shape, "at most 8 dimensions"},
      {npy(shape("(3,)"), "12"), FileFault::truncated, "u8 [3] must have 3 bytes of data, got 2"},
      {npy(shape("(3,)"), "1234"), FileFault::trailing_bytes, "must have 3 bytes of data, got 4"},
      {npy(shape("(1,)") + "x", "1"), FileFault::bad_header, "the end of the header"},
      {npy("{'descr': '|b1', 'fortran_order': False, 'shape': (1,)}", "\x02"), FileFault::bad_value, "got 2"},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(i);
    put_file(folder.file("x"), cases[i].bytes);
    expect_fault(cases[i].fault, cases[i].text, [&] { load_npy(folder.file("x")); });
  }
}

std::string idx(std::initializer_list<int> prefix, const std::string& data = "") {
  std::string out;
  for (const int byte : prefix) out += static_cast<char>(byte);
  return out + data;
}

TEST(Idx, ReadsImagesAndLabelsPlainAndCompressed) {
  const TemporaryFolder folder;
  const std::string images = idx({0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3}, "abcdef");
  put_file(folder.file("images"), images);
  const Tensor tensor = data::read_idx(folder.file("images"), 3);
  EXPECT_EQ(tensor.sizes(), (Shape{2, 1, 3}));
  EXPECT_EQ(tensor.dtype(), DType::u8);
  EXPECT_EQ(bytes_of(tensor), "abcdef");

  gzFile compressed = ::gzopen(folder.file("images.gz").c_str(), "wb");
  ASSERT_EQ(::gzwrite(compressed, images.data(), static_cast<unsigned>(images.size())),
            static_cast<int>(images.size()));
  ::gzclose(compressed);
  expect_same(data::read_idx(folder.file("images.gz"), 3), tensor);

  put_file(folder.file("labels"), idx({0, 0, 8, 1, 0, 0, 0, 0}));
  EXPECT_EQ(data::read_idx(folder.file("labels"), 1).sizes(), Shape{0});
}

TEST(Idx, RefusesOtherFiles) {
  const TemporaryFolder folder;
  struct Case {
    std::string bytes;
    int dims;
    FileFault fault;
    std::string text;
  };
  const std::vector<Case> cases = {
      {"", 1, FileFault::truncated, "at least 8 bytes, got 0"},
      {idx({0, 0, 8, 1}), 3, FileFault::bad_magic, "must be 0x00000803 (u8, 3 dimensions), got 0x00000801"},
      {idx({0, 0, 8, 3}), 1, FileFault::bad_magic, "must be 0x00000801 (u8, 1 dimension), got 0x00000803"},
      {idx({0, 0, 13, 1, 0, 0, 0, 1}, "abcd"), 1, FileFault::bad_magic, "got 0x00000d01"},
      {"GIF89a..", 1, FileFault::bad_magic, "got 0x47494638"},
      {idx({0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0}), 3, FileFault::truncated, "at least 16 bytes, got 15"},
      {idx({0, 0, 8, 1, 0, 0, 0, 3}, "ab"), 1, FileFault::truncated, "sizes [3] must have 3 bytes of data, got 2"},
      {idx({0, 0, 8, 1, 0, 0, 0, 3}, "abcd"), 1, FileFault::trailing_bytes, "must have 3 bytes of data, got 4"},
      {idx({0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}), 3, FileFault::bad_shape,
       "below 2^63, got u8 [4294967295, 4294967295, 4294967295]"},
      {idx({0, 0, 8, 1, 255, 255, 255, 255}), 1, FileFault::truncated, "must have 4294967295 bytes of data, got 0"},
      {"\x1f\x8b", 1, FileFault::truncated, "gzip data must be complete"},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(i);
    put_file(folder.file("x"), cases[i].bytes);
    expect_fault(cases[i].fault, cases[i].text, [&] { data::read_idx(folder.file("x"), cases[i].dims); });
  }
  expect_fault(FileFault::not_found, "No such file", [&] { data::read_idx(folder.file("none"), 1); });
  EXPECT_THROW(data::read_idx(folder.file("x"), 0), ValueError);
  EXPECT_THROW(data::read_idx(folder.file("x"), 9), ValueError);
}

}  // namespace
}  // namespace farro::io
