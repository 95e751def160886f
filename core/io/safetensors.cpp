// SPDX-License-Identifier: Apache-2.0
// Tensors in safetensors files, with a checksum of the whole file in its metadata. The checksum is made while writing,
// so its digits are zeros at first and are filled in at the end; they count as zeros in the sum.
#include <farro/core/io/safetensors.h>

#include <farro/core/io/atomic_file.h>
#include <farro/core/io/detail/array_data.h>
#include <farro/core/io/detail/crc32c.h>
#include <farro/core/io/detail/safetensors_header.h>
#include <farro/core/io/file_error.h>

#include <algorithm>

namespace farro::io {

namespace {

using Entry = SafetensorsFile::Entry;
constexpr size_t kLengthBytes = 8;  // the header's length in front of it

std::string length_text(uint64_t length) {
  std::string text;
  for (size_t i = 0; i < kLengthBytes; ++i) text += static_cast<char>(length >> (8 * i) & 255);
  return text;
}

std::string read_header(const InputFile& file) {
  if (file.size() < kLengthBytes)
    fail_read(FileFault::truncated, file.path(), "it must have at least 8 bytes, got ", file.size());
  unsigned char bytes[kLengthBytes];
  file.read_exact(0, bytes, sizeof bytes);
  uint64_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) length |= uint64_t{bytes[i]} << (8 * i);
  // Before anything of that size is allocated.
  if (length > kMaxSafetensorsHeader)
    fail_read(FileFault::bad_magic, file.path(), "a safetensors header must have at most ", kMaxSafetensorsHeader,
              " bytes, got ", length);
  if (length > file.size() - kLengthBytes)
    fail_read(FileFault::truncated, file.path(), "its header must have ", length, " bytes, got ",
              file.size() - kLengthBytes);
  std::string header(length, '\0');
  file.read_exact(kLengthBytes, header.data(), header.size());
  // Sooner than the parser's error, as the usual case is a file of another kind.
  if (!header.starts_with('{'))
    fail_read(FileFault::bad_magic, file.path(), "a safetensors header must begin with '{', got ",
              printable(std::string_view(header).substr(0, 1)));
  return header;
}

// Offsets in order of falling element size, so that every tensor lies aligned for whoever maps the file.
void assign_offsets(std::vector<Entry>& entries) {
  std::vector<Entry*> order;
  for (Entry& entry : entries) order.push_back(&entry);
  std::stable_sort(order.begin(), order.end(),
                   [](const Entry* a, const Entry* b) { return item_size(a->dtype) > item_size(b->dtype); });
  uint64_t at = 0;
  for (Entry* entry : order) {
    entry->begin = at;
    at += static_cast<uint64_t>(checked_numel("save_safetensors", entry->shape)) * item_size(entry->dtype);
    entry->end = at;
  }
}

std::vector<const Entry*> sorted_by_offset(const std::vector<Entry>& entries) {
  std::vector<const Entry*> order;
  for (const Entry& entry : entries) order.push_back(&entry);
  std::stable_sort(order.begin(), order.end(), [](const Entry* a, const Entry* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  return order;
}

}  // namespace

void save_safetensors(const std::string& path, const NamedTensors& tensors, const Metadata& metadata) {
  // Zeros of the checksum's length reserve its place: the header's size must not change when it is filled in.
  SafetensorsHeader header{{}, metadata};
  header.metadata[std::string(kChecksumKey)] = std::string(kChecksumDigits, '0');
  std::map<std::string_view, const Tensor*> by_name;
  for (const auto& [name, tensor] : tensors) {
    FARRO_CHECK(tensor.defined() && !tensor.is_meta(), ValueError, "save_safetensors: tensors must hold data, got ",
                tensor, " (tensor: ", printable(name), ")");
    FARRO_CHECK(name != "__metadata__" && by_name.emplace(name, &tensor).second, ValueError,
                "save_safetensors: names must differ from each other and from __metadata__, got ", printable(name));
    FARRO_CHECK(can_be_read(tensor), ValueError, "save_safetensors: sizes, zeros taken as ones, must multiply to less ",
                "than 2^63 bytes, got ", tensor, " (tensor: ", printable(name), ")");
    header.entries.push_back({.name = name, .dtype = tensor.dtype(), .shape = tensor.sizes()});
  }
  assign_offsets(header.entries);
  const std::string text = write_safetensors_header(header);
  FARRO_CHECK(text.size() <= kMaxSafetensorsHeader, ValueError,
              "save_safetensors: names and metadata must fit a header of ", kMaxSafetensorsHeader, " bytes, got ",
              text.size());

  AtomicFile file(path);
  const std::string head = length_text(text.size()) + text;
  file.write(head);
  uint32_t checksum = crc32c(head.data(), head.size());
  for (const Entry* entry : sorted_by_offset(header.entries)) {
    const Tensor tensor = to_host(*by_name[entry->name]);
    file.write(tensor.raw_data(), tensor.nbytes());
    checksum = crc32c(tensor.raw_data(), tensor.nbytes(), checksum);
  }
  file.overwrite(kLengthBytes + find_checksum_digits(text), checksum_text(checksum));
  file.commit();
}

LoadedTensors load_safetensors(const std::string& path, const LoadOptions& options) {
  const SafetensorsFile file(path);
  std::map<std::string_view, Tensor> loaded;
  for (const Entry& entry : file.entries())
    if (!options.skip_unreadable) file.check_readable(entry);
  // The data has no holes, so the tensors in the file's order are the bytes the checksum was made of.
  uint32_t checksum = file.header_checksum();
  for (const Entry* entry : file.in_file_order()) {
    if (entry->unreadable && options.skip_unreadable) {
      // Tensors that cannot be read still belong to the checksum.
      checksum = file.checksum_of(entry->begin, entry->end, checksum);
      continue;
    }
    const Tensor host = file.read(*entry);
    checksum = crc32c(host.raw_data(), host.nbytes(), checksum);
    loaded[entry->name] = options.device.is_cpu() ? host : host.to(options.device);
  }
  file.compare_checksum(checksum, options.require_checksum);
  LoadedTensors out{{}, file.metadata(), {}};
  out.metadata.erase(std::string(kChecksumKey));
  for (const Entry& entry : file.entries()) {
    if (entry.unreadable) {
      out.skipped.push_back(entry.name);
    } else {
      out.tensors.emplace_back(entry.name, std::move(loaded[entry.name]));
    }
  }
  return out;
}

SafetensorsFile::SafetensorsFile(const std::string& path) : file_(path), header_(read_header(file_)) {
  SafetensorsHeader header = parse_safetensors_header(header_, file_.size() - kLengthBytes - header_.size(), path);
  entries_ = std::move(header.entries);
  metadata_ = std::move(header.metadata);
  for (size_t i = 0; i < entries_.size(); ++i) index_.emplace(entries_[i].name, i);
}

const SafetensorsFile::Entry& SafetensorsFile::entry(std::string_view name) const& {
  const auto found = index_.find(name);
  FARRO_CHECK(found != index_.end(), ValueError, "SafetensorsFile: name must be that of a tensor in '", file_.path(),
              "', got ", printable(name));
  return entries_[found->second];
}

void SafetensorsFile::check_readable(const Entry& entry) const {
  if (entry.unreadable)
    fail_read(*entry.unreadable, file_.path(), entry.problem, " (tensor: ", printable(entry.name), ")");
}

Tensor SafetensorsFile::read(const Entry& entry, Device device) const {
  check_readable(entry);
  Tensor host = empty(entry.shape, {.dtype = entry.dtype, .device = Device::cpu()});
  file_.read_exact(kLengthBytes + header_.size() + entry.begin, host.raw_data(), host.nbytes());
  check_bools(file_.path(), host);
  return device.is_cpu() ? host : host.to(device);
}

std::vector<const SafetensorsFile::Entry*> SafetensorsFile::in_file_order() const { return sorted_by_offset(entries_); }

// Of the length and the header, with zeros for the checksum's own digits.
uint32_t SafetensorsFile::header_checksum() const {
  std::string head = length_text(header_.size()) + header_;
  const size_t at = find_checksum_digits(header_);
  if (at != std::string::npos)
    for (size_t i = 0; i < kChecksumDigits; ++i) head[kLengthBytes + at + i] = '0';
  return crc32c(head.data(), head.size());
}

void SafetensorsFile::compare_checksum(uint32_t found, bool required) const {
  const auto expected = metadata_.find(std::string(kChecksumKey));
  if (expected == metadata_.end()) {
    if (required) fail_read(FileFault::bad_checksum, file_.path(), "it must hold a checksum, got none");
    return;
  }
  if (expected->second != checksum_text(found))
    fail_read(FileFault::bad_checksum, file_.path(),
              "it is damaged, or another program changed it and kept our checksum: that must be ",
              printable(expected->second), ", got ", checksum_text(found));
}

void SafetensorsFile::verify(bool required) const {
  compare_checksum(checksum_of(0, file_.size() - kLengthBytes - header_.size(), header_checksum()), required);
}

uint32_t SafetensorsFile::checksum_of(uint64_t begin, uint64_t end, uint32_t checksum) const {
  std::string chunk;
  for (; begin < end; begin += chunk.size()) {
    // A MiB at a time, so that checking a file takes no memory of its size.
    chunk.resize(std::min<uint64_t>(end - begin, uint64_t{1} << 20));
    file_.read_exact(kLengthBytes + header_.size() + begin, chunk.data(), chunk.size());
    checksum = crc32c(chunk.data(), chunk.size(), checksum);
  }
  return checksum;
}

}  // namespace farro::io
