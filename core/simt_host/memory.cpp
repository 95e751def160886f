// SPDX-License-Identifier: Apache-2.0
// Memory of a fake device: one range of addresses, from which segments (cudaMalloc) and blocks in them (tensors) are
// cut. Every one has sentinels around it and is filled with a poison, so that writes beside it and reads of what was
// never written show.
#include <farro/core/simt_host/failure.h>
#include <farro/core/simt_host/memory.h>

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

namespace farro::simt_host {

namespace {
constexpr size_t kLargestRange = size_t{64} << 30;  // address space of a device; only what is touched takes memory
constexpr size_t kSmallestRange = size_t{1} << 30;
constexpr size_t kAlign = 4096;
constexpr size_t kFront = 256;  // sentinel before a segment; keeps cudaMalloc's 256-byte alignment
constexpr size_t kSentinel = 256;
constexpr unsigned char kSentinelByte = 0xd7;
constexpr unsigned char kPoison = 0xff;

const char* find_written(const char* begin, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i)
    if (static_cast<unsigned char>(begin[i]) != kSentinelByte) return begin + i;
  return nullptr;
}

// The entry of `map` that starts at or before `data`, or null.
template <class Value>
const std::pair<char* const, Value>* at_or_before(const std::map<char*, Value>& map, const void* data) {
  auto it = map.upper_bound(static_cast<char*>(const_cast<void*>(data)));
  return it == map.begin() ? nullptr : &*--it;
}
}  // namespace

DeviceMemory::DeviceMemory(int device, bool hidden)
    : device_(device), hidden_(hidden), range_(kLargestRange), limit_(size_t{16} << 30) {
  // Tools like valgrind give out less address space than the system does.
  void* base = MAP_FAILED;
  for (; base == MAP_FAILED && range_ >= kSmallestRange; range_ /= 2)
    base = mmap(nullptr, range_, hidden ? PROT_NONE : PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) raise(cudaErrorMemoryAllocation, "no address space for a fake device");
  range_ *= 2;
  base_ = static_cast<char*>(base);
}

DeviceMemory::~DeviceMemory() { munmap(base_, range_); }

bool DeviceMemory::set_access(int protection) noexcept {
  return !hidden_ || touched_ == 0 || mprotect(base_, touched_, protection) == 0;
}
void DeviceMemory::show() {
  if (!set_access(PROT_READ | PROT_WRITE)) raise(cudaErrorLaunchFailure, "mprotect of device memory failed");
}
void DeviceMemory::hide() noexcept { (void)set_access(PROT_NONE); }  // a failure leaves a check undone, no more

char* DeviceMemory::find_space(size_t span) {
  // First fit, by walking the segments in order of address: there are few, as the caching allocator makes them large.
  char* at = base_;
  for (const auto& [data, segment] : segments_) {
    char* begin = data - kFront;
    if (begin - at >= static_cast<std::ptrdiff_t>(span)) return at;
    at = begin + segment.span;
  }
  return base_ + range_ - at >= static_cast<std::ptrdiff_t>(span) ? at : nullptr;
}

void* DeviceMemory::allocate(size_t bytes) {
  // The limit may have been lowered below what is in use.
  if (bytes > limit_ - std::min(used_, limit_)) return nullptr;
  const size_t span = (kFront + bytes + kSentinel + kAlign - 1) / kAlign * kAlign;
  char* begin = find_space(span);
  if (!begin) return nullptr;
  if (const size_t end = static_cast<size_t>(begin - base_) + span; end > touched_) {
    touched_ = end;
    show();
  }
  char* data = begin + kFront;
  std::memset(begin, kSentinelByte, kFront);
  std::memset(data, kPoison, bytes);
  std::memset(data + bytes, kSentinelByte, kSentinel);
  segments_[data] = {bytes, span, false};
  used_ += bytes;
  return data;
}

void DeviceMemory::free(void* pointer) {
  char* data = static_cast<char*>(pointer);
  const auto it = segments_.find(data);
  if (it == segments_.end())
    raise(cudaErrorInvalidValue, "cudaFree: pointer must come from cudaMalloc and be freed once");
  const auto& [bytes, span, has_blocks] = it->second;
  const auto block = blocks_.lower_bound(data);
  if (block != blocks_.end() && block->first < data + bytes)
    raise(cudaErrorInvalidValue, "cudaFree: segment must hold no live block");
  // Before the memory is given up: later nobody would look.
  check_guard(data, {bytes, kSentinel}, true);
  // Gives the pages back to the system; the addresses stay the device's.
  madvise(data - kFront, span, MADV_DONTNEED);
  used_ -= bytes;
  segments_.erase(it);
}

void DeviceMemory::acquire_block(void* data, size_t bytes) {
  const auto* segment = at_or_before(segments_, data);
  if (!segment || static_cast<char*>(data) + bytes > segment->first + segment->second.bytes)
    raise(cudaErrorInvalidValue, "a block must lie inside one segment");
  segments_[segment->first].has_blocks = true;
  if (!blocks_.emplace(static_cast<char*>(data), bytes).second)
    raise(cudaErrorInvalidValue, "a block must be released before its memory is handed out again");
}

void DeviceMemory::release_block(void* data) {
  if (blocks_.erase(static_cast<char*>(data)) == 0)
    raise(cudaErrorInvalidValue, "a block must be released once, by the address it was acquired with");
}

void DeviceMemory::open_block(void* data, size_t bytes, size_t capacity) {
  // What rounding left behind the block, which the allocator makes at least a sentinel's size.
  const size_t sentinel = std::min(capacity - bytes, kSentinel);
  std::memset(data, kPoison, bytes);
  std::memset(static_cast<char*>(data) + bytes, kSentinelByte, sentinel);
  guards_[static_cast<char*>(data)] = {bytes, sentinel};
}

void DeviceMemory::close_block(void* data) {
  const auto it = guards_.find(static_cast<char*>(data));
  if (it == guards_.end()) return;  // see forget_guards()
  const Guard guard = it->second;
  guards_.erase(it);
  check_guard(static_cast<char*>(data), guard, false);
  std::memset(data, kPoison, guard.bytes);
}

bool DeviceMemory::owns(const void* data) const noexcept {
  const char* p = static_cast<const char*>(data);
  return p >= base_ && p < base_ + range_;
}

void DeviceMemory::check_range(const void* data, size_t bytes, const std::string& what) const {
  const char* p = static_cast<const char*>(data);
  const auto* segment = at_or_before(segments_, data);
  if (!segment || p + bytes > segment->first + segment->second.bytes)
    raise(cudaErrorInvalidValue, what, " must point to allocated device memory of cuda:", device_, ", got ",
          owns(data) ? "memory that is not allocated" : "another device's or host memory");
  if (!segment->second.has_blocks) return;
  const auto* block = at_or_before(blocks_, data);
  // One past the end is a valid pointer of an empty range.
  if (!block || p + bytes > block->first + block->second)
    raise(cudaErrorInvalidValue, what, " must lie inside one live tensor's memory on cuda:", device_,
          ", got freed memory or a range that ends beyond the tensor");
}

void DeviceMemory::check_guard(const char* data, const Guard& guard, bool front) const {
  const char* before = front ? find_written(data - kFront, kFront) : nullptr;
  const char* after = find_written(data + guard.bytes, guard.sentinel);
  if (!before && !after) return;
  raise(cudaErrorLaunchFailure, "device memory outside an allocation of ", guard.bytes, " bytes on cuda:", device_,
        " must not be written, got a write ", before ? data - before : after - data - static_cast<int64_t>(guard.bytes),
        " bytes ", before ? "before it" : "past its end");
}

void DeviceMemory::check_sentinels() const {
  for (const auto& [data, segment] : segments_) check_guard(data, {segment.bytes, kSentinel}, true);
  for (const auto& [data, guard] : guards_) check_guard(data, guard, false);
}

}  // namespace farro::simt_host
