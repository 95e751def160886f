// SPDX-License-Identifier: Apache-2.0
// The safetensors format (github.com/huggingface/safetensors): tensors by name, readable by PyTorch's tools and back.
// Checkpoints and exported weights are such files. Nothing in a file is trusted: a header is checked against the
// format's rules and the file's true size before any tensor is made.
// Files written here also carry a CRC-32C of the whole file in their metadata, which readers of other projects ignore.
#pragma once

#include <farro/core/api.h>
#include <farro/core/io/file.h>
#include <farro/core/io/file_error.h>
#include <farro/core/tensor/tensor.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace farro::io {

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;
using Metadata = std::map<std::string, std::string>;

// Writes all tensors (any device, any strides) to `path`, replaced as a whole. The same content gives the same bytes.
// ValueError for an undefined tensor, a name given twice, the name "__metadata__", or text that is no UTF-8; FileError.
FARRO_API void save_safetensors(const std::string& path, const NamedTensors& tensors, const Metadata& metadata = {});

struct LoadOptions {
  Device device = Device::cpu();
  // Refuse a file without a checksum, as checkpoints do: damage might have hit the very entry that holds it. A checksum
  // that is there is always compared.
  bool require_checksum = false;
  // Leave out tensors of element types that this library lacks, instead of refusing the file.
  bool skip_unreadable = false;
};

struct LoadedTensors {
  NamedTensors tensors;  // in the order of the header
  Metadata metadata;
  std::vector<std::string> skipped = {};  // names of what skip_unreadable left out
};
// FileError for everything that a damaged or hostile file can be; see FileFault. Nothing is executed, and memory stays
// within the tensors' bytes and about twelve times the header's (a tensor without elements costs a record, too). A file
// that another tool saved again with our metadata carries a stale checksum and is refused.
FARRO_API LoadedTensors load_safetensors(const std::string& path, const LoadOptions& options = {});

// Reads a file tensor by tensor.
class FARRO_API SafetensorsFile {
 public:
  struct Entry {
    std::string name;
    DType dtype = DType::u8;        // of no meaning where format_dtype is one that this library lacks
    Shape shape = {};               // the first 8 sizes
    uint64_t begin = 0, end = 0;    // bytes, counted from the end of the header
    std::string format_dtype = {};  // as the file has it: "F32", "F8_E4M3", ...
    // Where read() would fail: why. Such a tensor is listed, and the others are read as ever.
    std::optional<FileFault> unreadable = {};
    std::string problem = {};
  };

  // Reads and checks the header. FileError. Element types and numbers of dimensions that this library lacks are errors
  // only when such a tensor is read.
  explicit SafetensorsFile(const std::string& path);

  // From a temporary file object they are copies, so that a loop over them does not walk freed memory.
  const std::vector<Entry>& entries() const& noexcept { return entries_; }
  std::vector<Entry> entries() && { return std::move(entries_); }
  const Metadata& metadata() const& noexcept { return metadata_; }
  Metadata metadata() && { return std::move(metadata_); }
  // ValueError where there is no such name.
  const Entry& entry(std::string_view name) const&;
  Entry entry(std::string_view name) && { return static_cast<const SafetensorsFile&>(*this).entry(name); }
  // A new tensor; FileError (bad_dtype, bad_shape) for one that is unreadable. The checksum is compared by verify() and
  // load_safetensors(), for it is that of the whole file.
  Tensor read(const Entry& entry, Device device = Device::cpu()) const;
  // Reads the whole file and throws FileError (bad_checksum) where it is not what was written, or, if `required`, where
  // it has no checksum.
  void verify(bool required = false) const;

 private:
  friend FARRO_API LoadedTensors load_safetensors(const std::string& path, const LoadOptions& options);
  std::vector<const Entry*> in_file_order() const;
  void check_readable(const Entry& entry) const;
  uint32_t header_checksum() const;
  uint32_t checksum_of(uint64_t begin, uint64_t end, uint32_t checksum) const;  // of data, after `checksum`
  void compare_checksum(uint32_t found, bool required) const;

  InputFile file_;
  std::string header_;
  std::vector<Entry> entries_;
  std::map<std::string, size_t, std::less<>> index_;
  Metadata metadata_;
};

}  // namespace farro::io
