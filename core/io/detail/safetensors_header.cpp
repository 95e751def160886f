// SPDX-License-Identifier: Apache-2.0
// The header of a safetensors file, read and written. Whatever the bytes are, reading ends with a header that can be
// trusted, whose ranges lie within the file, do not overlap and fit their tensors, or with a typed error.
#include <farro/core/io/detail/safetensors_header.h>

#include <farro/core/io/detail/array_data.h>
#include <farro/core/io/file_error.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <set>

namespace farro::io {

namespace {

using nlohmann::json;
using Entry = SafetensorsFile::Entry;

// By DType.
constexpr std::array<const char*, kNumDTypes> kDTypeNames = {"F64", "F32", "F16", "BF16", "I64",
                                                             "I32", "I16", "I8",  "U8",   "BOOL"};

// The format's other element types, which this library has no tensors for, and their bits.
struct OtherType {
  std::string_view name;
  uint64_t bits;
};
constexpr OtherType kOtherTypes[] = {
    {"F4", 4},          {"F6_E2M3", 6},     {"F6_E3M2", 6}, {"F8_E4M3", 8}, {"F8_E5M2", 8}, {"F8_E8M0", 8},
    {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"U16", 16},    {"U32", 32},    {"U64", 64},    {"C64", 64},
};

// Takes the header's JSON event by event, so that a hostile header costs no more memory than its entries, and refuses
// at the first event that the format does not allow: objects of objects, arrays of whole numbers, nothing deeper.
class HeaderReader : public nlohmann::json_sax<json> {
 public:
  HeaderReader(const std::string& path, SafetensorsHeader& out) : path_(path), out_(out) {}

  bool start_object(size_t) override {
    if (level_ == Level::file) return enter(Level::names);
    if (level_ == Level::names) return enter(is_metadata_ ? Level::metadata : Level::tensor);
    refuse("an object");
  }
  bool end_object() override {
    if (level_ == Level::tensor) finish_tensor();
    return enter(level_ == Level::names ? Level::done : Level::names);
  }
  bool key(string_t& text) override {
    if (level_ == Level::names) {
      // The format forbids duplicate names; readers that take the first or the last would disagree about the file.
      if (!names_.insert(text).second)
        fail_at(FileFault::duplicate_key, "each name must occur once, got ", printable(text), " twice");
      is_metadata_ = text == "__metadata__";
      if (!is_metadata_) out_.entries.push_back({.name = text});
      fields_ = 0;
      elements_ = 1;
      has_zero_ = false;
    } else if (level_ == Level::metadata) {
      metadata_key_ = text;
    } else {
      begin_field(text);
    }
    return true;
  }
  bool string(string_t& text) override {
    if (level_ == Level::metadata) {
      if (!out_.metadata.emplace(metadata_key_, std::move(text)).second)
        fail_at(FileFault::duplicate_key, "each key must occur once, got ", printable(metadata_key_), " twice");
      return true;
    }
    if (level_ != Level::tensor || field_ != kDType) refuse("a string");
    Entry& entry = out_.entries.back();
    const auto found = std::find(kDTypeNames.begin(), kDTypeNames.end(), text);
    if (found != kDTypeNames.end()) {
      entry.dtype = static_cast<DType>(found - kDTypeNames.begin());
    } else {
      // Not an error yet: a caller may want the other tensors.
      entry.unreadable = FileFault::bad_dtype;
      entry.problem =
          str("dtype must be one of F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL to be read, got ", printable(text));
    }
    entry.format_dtype = std::move(text);
    return true;
  }
  bool start_array(size_t) override {
    if (level_ != Level::tensor || field_ == kDType) refuse("an array");
    numbers_ = 0;
    return enter(Level::numbers);
  }
  bool end_array() override {
    if (field_ == kOffsets && numbers_ != 2)
      fail_at(FileFault::bad_offsets, "data_offsets must be two numbers, got ", numbers_, of_tensor());
    return enter(Level::tensor);
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (level_ != Level::numbers) refuse("a number");
    Entry& entry = out_.entries.back();
    if (field_ == kShape) {
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
        fail_at(FileFault::bad_shape, "sizes must be below 2^63, got ", value, of_tensor());
      // A zero counts as one here: [2^62, 2^62, 0] has no elements, but its strides would overflow.
      if (__builtin_mul_overflow(elements_, std::max<int64_t>(static_cast<int64_t>(value), 1), &elements_))
        fail_at(FileFault::bad_shape, "the size in bytes must be below 2^63, got more", of_tensor());
      has_zero_ |= value == 0;
      if (numbers_ < kMaxDims) {
        entry.shape.push_back(static_cast<int64_t>(value));
      } else if (!entry.unreadable) {
        entry.unreadable = FileFault::bad_shape;
        entry.problem = str("a tensor must have at most ", kMaxDims, " dimensions to be read, got more");
      }
    } else {
      (numbers_ == 0 ? entry.begin : entry.end) = value;
    }
    ++numbers_;
    return true;
  }
  bool null() override { refuse("null"); }
  bool boolean(bool) override { refuse("true or false"); }
  bool number_integer(number_integer_t value) override { refuse(str("the number ", value)); }
  bool number_float(number_float_t, const string_t& text) override { refuse("the number " + printable(text)); }
  bool binary(binary_t&) override { refuse("binary data"); }
  bool parse_error(size_t at, const std::string&, const nlohmann::detail::exception& error) override {
    fail_at(FileFault::bad_header, "the header must be JSON, got an error at byte ", at, " (", printable(error.what()),
            ")");
  }

 private:
  enum class Level { file, names, tensor, metadata, numbers, done };
  static constexpr unsigned kDType = 1, kShape = 2, kOffsets = 4, kAllFields = 7;

  template <class... Pieces>
  [[noreturn]] void fail_at(FileFault fault, const Pieces&... pieces) const {
    fail_read(fault, path_, pieces...);
  }
  [[noreturn]] void refuse(std::string_view what) const {
    fail_at(FileFault::bad_header, "the header must map names to {dtype, shape, data_offsets}, got ", what,
            " where that does not belong", of_tensor());
  }
  std::string of_tensor() const {
    return out_.entries.empty() ? std::string() : str(" (tensor: ", printable(out_.entries.back().name), ")");
  }
  bool enter(Level level) {
    level_ = level;
    return true;
  }
  void begin_field(std::string_view text) {
    field_ = text == "dtype" ? kDType : text == "shape" ? kShape : text == "data_offsets" ? kOffsets : 0;
    if (field_ == 0) refuse("the key " + printable(text));
    if (fields_ & field_)
      fail_at(FileFault::duplicate_key, "each key must occur once, got ", printable(text), " twice", of_tensor());
    fields_ |= field_;
  }
  void finish_tensor() {
    if (fields_ != kAllFields)
      fail_at(FileFault::bad_header, "a tensor must have dtype, shape and data_offsets, got only some", of_tensor());
    check_size(out_.entries.back());
  }
  // The bits of one element; nothing for a type that came into the format later, whose range is taken as it is.
  static std::optional<uint64_t> bits_of(const Entry& entry) {
    if (!entry.unreadable || *entry.unreadable != FileFault::bad_dtype) return 8 * item_size(entry.dtype);
    for (const OtherType& type : kOtherTypes)
      if (type.name == entry.format_dtype) return type.bits;
    return std::nullopt;
  }
  // The range must have the size that dtype and shape say.
  void check_size(const Entry& entry) const {
    const auto bits = bits_of(entry);
    if (!bits || entry.end < entry.begin) return;  // the order of the ranges is checked with all of them
    int64_t total = 0;
    if (__builtin_mul_overflow(elements_, std::max<int64_t>(static_cast<int64_t>(*bits / 8), 1), &total))
      fail_at(FileFault::bad_shape, "the size in bytes must be below 2^63, got ", entry.format_dtype, " ", entry.shape,
              of_tensor());
    const auto elements = has_zero_ ? 0 : static_cast<uint64_t>(elements_);
    const uint64_t bytes = *bits >= 8 ? elements * (*bits / 8) : elements / 8 * *bits + (elements % 8 * *bits + 7) / 8;
    const std::string type = entry.unreadable ? entry.format_dtype : to_string(entry.dtype);
    if (elements % 8 * *bits % 8 != 0)
      fail_at(FileFault::bad_shape, "a tensor must fill whole bytes, got ", type, " ", entry.shape, of_tensor());
    if (bytes != entry.end - entry.begin)
      fail_at(FileFault::bad_offsets, "data_offsets must span the ", bytes, " bytes of ", type, " ", entry.shape,
              ", got ", entry.end - entry.begin, of_tensor());
  }

  const std::string& path_;
  SafetensorsHeader& out_;
  Level level_ = Level::file;
  bool is_metadata_ = false;  // the last name
  unsigned field_ = 0, fields_ = 0;
  int numbers_ = 0;
  int64_t elements_ = 1;  // of the tensor being read, zeros counted as ones
  bool has_zero_ = false;
  std::string metadata_key_;
  std::set<std::string, std::less<>> names_;
};

// Ranges must cover the data without overlap or hole.
void check_ranges(const std::vector<Entry>& entries, uint64_t data_bytes, const std::string& path) {
  std::vector<const Entry*> order;
  for (const Entry& entry : entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(),
            [](const Entry* a, const Entry* b) { return std::pair(a->begin, a->end) < std::pair(b->begin, b->end); });
  uint64_t covered = 0;
  for (const Entry* entry : order) {
    const auto fail_range = [&](const auto&... pieces) {
      fail_read(FileFault::bad_offsets, path, pieces..., " (tensor: ", printable(entry->name), ")");
    };
    // Holes and overlaps would let two files with different bytes hold the same tensors, or hide data.
    if (entry->begin != covered || entry->end < entry->begin)
      fail_range("data_offsets must begin where the tensor before ends, at ", covered, ", got [", entry->begin, ", ",
                 entry->end, "]");
    covered = entry->end;
  }
  check_data_bytes(path, "the header's tensors", covered, data_bytes);
}

std::string json_text(const std::string& text) {
  try {
    return json(text).dump();
  } catch (const json::exception&) {
    fail<ValueError>("save_safetensors: names and metadata must be UTF-8, got ", printable(text));
  }
}

const std::string kDigitsPrefix = str("\"", kChecksumKey, "\":\"");

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view text, uint64_t data_bytes, const std::string& path) {
  // The JSON parser takes a zero byte for the end of the text.
  if (text.find('\0') != std::string_view::npos)
    fail_read(FileFault::bad_header, path, "the header must be JSON, got a zero byte");
  SafetensorsHeader header;
  HeaderReader reader(path, header);
  json::sax_parse(text, &reader);
  check_ranges(header.entries, data_bytes, path);
  return header;
}

std::string write_safetensors_header(const SafetensorsHeader& header) {
  std::string text = "{\"__metadata__\":{";
  const char* comma = "";
  for (const auto& [key, value] : header.metadata) {
    text += str(comma, json_text(key), ":", json_text(value));
    comma = ",";
  }
  text += '}';
  for (const Entry& entry : header.entries) {
    text += str(",", json_text(entry.name), ":{\"dtype\":\"", kDTypeNames[static_cast<size_t>(entry.dtype)],
                "\",\"shape\":[");
    for (int i = 0; i < entry.shape.size(); ++i) text += str(i ? "," : "", entry.shape[i]);
    text += str("],\"data_offsets\":[", entry.begin, ",", entry.end, "]}");
  }
  text += '}';
  // The data begins at a multiple of 8 bytes, as the format's own writer has it.
  text.resize((text.size() + 7) / 8 * 8, ' ');
  return text;
}

size_t find_checksum_digits(std::string_view header) noexcept {
  // Behind a backslash the quote is part of another key.
  size_t at = header.find(kDigitsPrefix);
  while (at != std::string_view::npos && at > 0 && header[at - 1] == '\\') at = header.find(kDigitsPrefix, at + 1);
  if (at == std::string_view::npos || header.size() - at < kDigitsPrefix.size() + kChecksumDigits)
    return std::string_view::npos;
  return at + kDigitsPrefix.size();
}

std::string checksum_text(uint32_t checksum) {
  std::string text;
  for (int shift = 28; shift >= 0; shift -= 4) text += "0123456789abcdef"[checksum >> shift & 15];
  return text;
}

}  // namespace farro::io
