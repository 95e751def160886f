// SPDX-License-Identifier: Apache-2.0
// NumPy's .npy files, versions 1.0 to 3.0 (numpy.lib.format), read with checks of everything and written as 1.0.
#include <farro/core/io/npy.h>

#include <farro/core/io/atomic_file.h>
#include <farro/core/io/detail/array_data.h>
#include <farro/core/io/file.h>
#include <farro/core/io/file_error.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace farro::io {

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kMaxHeader = 64 * 1024;  // 8 dimensions need 300 bytes; NumPy itself refuses more than 10,000 unasked

// By DType; bf16 has none.
constexpr std::array<std::string_view, kNumDTypes> kDescriptions = {"<f8", "<f4", "<f2", "",    "<i8",
                                                                    "<i4", "<i2", "|i1", "|u1", "|b1"};

struct Header {
  std::string_view description;
  bool fortran_order = false;
  Shape shape;
};

// A parser of exactly what NumPy writes: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& path) : text_(text), path_(path) {}

  Header parse() {
    Header header;
    bool seen[3] = {};
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted();
      const int field = key == "descr" ? 0 : key == "fortran_order" ? 1 : key == "shape" ? 2 : -1;
      if (field < 0) refuse("descr, fortran_order or shape");
      // Python would let the last one win; a file that has two was not written by NumPy.
      if (seen[field])
        fail_read(FileFault::duplicate_key, path_, "each key must occur once, got ", printable(key), " twice");
      seen[field] = true;
      expect(':');
      if (field == 0) header.description = quoted();
      if (field == 1) header.fortran_order = boolean();
      if (field == 2) header.shape = tuple();
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_blanks();
    if (!text_.empty()) refuse("the end of the header");
    if (!seen[0] || !seen[1] || !seen[2]) refuse("descr, fortran_order and shape");
    return header;
  }

 private:
  [[noreturn]] void refuse(std::string_view expected) const {
    fail_read(FileFault::bad_header, path_, "the header must have ", expected, " here, got ",
              text_.empty() ? std::string("its end") : printable(text_.substr(0, 20)));
  }
  void skip_blanks() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\n')) text_.remove_prefix(1);
  }
  bool accept(char c) {
    skip_blanks();
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!accept(c)) refuse(std::string_view(&c, 1));
  }
  std::string_view quoted() {
    skip_blanks();
    if (!text_.starts_with('\'') && !text_.starts_with('"')) refuse("a text in quotes");
    const size_t end = text_.find(text_.front(), 1);
    if (end == std::string_view::npos) refuse("a text with its closing quote");
    const std::string_view value = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return value;
  }
  bool boolean() {
    skip_blanks();
    for (const std::string_view word : {"True", "False"}) {
      if (!text_.starts_with(word)) continue;
      text_.remove_prefix(word.size());
      return word == "True";
    }
    refuse("True or False");
  }
  Shape tuple() {
    Shape shape;
    expect('(');
    while (!accept(')')) {
      if (shape.size() == kMaxDims)
        fail_read(FileFault::bad_shape, path_, "an array must have at most ", kMaxDims, " dimensions, got more");
      shape.push_back(number());
      if (accept(',')) continue;
      if (shape.size() == 1) refuse("a comma after the only size");  // (3) is no tuple in Python
      expect(')');
      break;
    }
    return shape;
  }
  int64_t number() {
    skip_blanks();
    if (text_.starts_with('-'))
      fail_read(FileFault::bad_shape, path_, "sizes must not be negative, got ", printable(text_.substr(0, 20)));
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error == std::errc::result_out_of_range)
      fail_read(FileFault::bad_shape, path_, "sizes must be below 2^63, got more");
    if (error != std::errc()) refuse("a whole number");
    text_.remove_prefix(static_cast<size_t>(end - text_.data()));
    return value;
  }

  std::string_view text_;
  const std::string& path_;
};

DType dtype_of_description(std::string_view description, const std::string& path) {
  std::string normal(description);
  // One-byte types have no byte order; "=" is not written by NumPy.
  if (normal.size() == 3 && normal[0] == '<' && normal[2] == '1') normal[0] = '|';
  const auto found = std::find(kDescriptions.begin(), kDescriptions.end(), normal);
  if (normal.empty() || found == kDescriptions.end())
    fail_read(FileFault::bad_dtype, path, "descr must be one of <f8 <f4 <f2 <i8 <i4 <i2 |i1 |u1 |b1, got ",
              printable(description));
  return static_cast<DType>(found - kDescriptions.begin());
}

// The header's text and where the data begins.
struct RawHeader {
  std::string text;
  uint64_t data_begin;
};
RawHeader read_header(const InputFile& file) {
  const auto fail_magic = [&](std::string_view expected, const auto&... got) {
    fail_read(FileFault::bad_magic, file.path(), expected, ", got ", got...);
  };
  unsigned char start[12] = {};
  const size_t available = std::min<uint64_t>(file.size(), sizeof start);
  file.read_exact(0, start, available);
  const std::string_view magic(reinterpret_cast<const char*>(start), std::min(available, kMagic.size()));
  if (magic != kMagic) fail_magic("it must begin with \\x93NUMPY", printable(magic));
  const int version = start[6];
  if (available < 8 || version < 1 || version > 3 || start[7] != 0)
    fail_magic("its version must be 1.0, 2.0 or 3.0", version, ".", static_cast<int>(start[7]));
  // Version 1 has a header length of two bytes, the later ones of four.
  const size_t prefix = version == 1 ? 10 : 12;
  if (available < prefix)
    fail_read(FileFault::truncated, file.path(), "it must have at least ", prefix, " bytes, got ", available);
  uint64_t length = uint64_t{start[8]} | uint64_t{start[9]} << 8;
  if (version > 1) length |= uint64_t{start[10]} << 16 | uint64_t{start[11]} << 24;
  if (length > kMaxHeader)
    fail_read(FileFault::bad_header, file.path(), "its header must have at most ", kMaxHeader, " bytes, got ", length);
  std::string text(length, '\0');
  file.read_exact(prefix, text.data(), text.size());
  return {std::move(text), prefix + length};
}

Strides fortran_strides(const Shape& shape) {
  Strides strides = shape;
  // Column-major: the first dimension is the innermost. The data is read as it lies, under these strides.
  int64_t step = 1;
  for (int i = 0; i < shape.size(); ++i) {
    strides[i] = step;
    step *= std::max<int64_t>(shape[i], 1);
  }
  return strides;
}

}  // namespace

Tensor load_npy(const std::string& path) {
  const InputFile file(path);
  const RawHeader raw = read_header(file);
  const Header header = HeaderParser(raw.text, path).parse();
  const DType dtype = dtype_of_description(header.description, path);

  // The file must be exactly as long as the header says before memory is taken.
  const uint64_t bytes = array_bytes(path, dtype, header.shape);
  check_data_bytes(path, str(dtype, " ", header.shape), bytes, file.size() - raw.data_begin);

  const TensorOptions options{.dtype = dtype, .device = Device::cpu()};
  Tensor tensor = header.fortran_order ? empty_strided(header.shape, fortran_strides(header.shape), options)
                                       : empty(header.shape, options);
  file.read_exact(raw.data_begin, tensor.raw_data(), static_cast<size_t>(bytes));
  check_bools(path, tensor);
  return tensor;
}

void save_npy(const std::string& path, const Tensor& tensor) {
  FARRO_CHECK(tensor.dtype() != DType::bf16, DTypeError, "save_npy: dtype must be one that NumPy has, got ",
              tensor.dtype(), "; convert it to f32 first (tensor: ", tensor, ")");
  FARRO_CHECK(!tensor.is_meta() && can_be_read(tensor), ValueError,
              "save_npy: tensor must hold data, and its sizes, zeros taken as ones, less than 2^63 bytes, got ",
              tensor);
  std::string shape;
  for (const int64_t size : tensor.sizes()) shape += str(size, ", ");
  // Python's tuples: "()", "(3,)" and "(2, 3)".
  if (tensor.dim() > 1) shape.resize(shape.size() - 2);
  if (tensor.dim() == 1) shape.pop_back();
  std::string header = str("{'descr': '", kDescriptions[static_cast<size_t>(tensor.dtype())],
                           "', 'fortran_order': False, 'shape': (", shape, "), }");
  // Blanks and a newline bring the data to a multiple of 64 bytes, as the format asks.
  constexpr size_t kPrefix = 10;
  header.resize((kPrefix + header.size() + 1 + 63) / 64 * 64 - kPrefix - 1, ' ');
  header += '\n';

  const Tensor host = to_host(tensor);
  std::string start(kMagic);
  start += '\x01';
  start += '\x00';
  start += static_cast<char>(header.size() & 255);
  start += static_cast<char>(header.size() >> 8);
  AtomicFile file(path);
  file.write(start + header);
  file.write(host.raw_data(), host.nbytes());
  file.commit();
}

}  // namespace farro::io
