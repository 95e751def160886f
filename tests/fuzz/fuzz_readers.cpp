// Feeds every file reader with mutants of good files. A reader must accept a file or refuse it with a FileError;
// anything else (another exception, a crash, a hang, memory beyond the file's size) fails.
//   fuzz_readers [reader [first [count]]]     repeats from a mutant's number
// FARRO_TEST_FULL=1 runs 100,000 mutants a reader; a third argument gives another number. Meant to be run under AddressSanitizer too.
#include "mutator.h"

#include <farro/core/io/file_error.h>
#include <farro/core/io/gzip.h>
#include <farro/core/io/metrics_log.h>
#include <farro/core/io/npy.h>
#include <farro/core/io/safetensors.h>
#include <farro/data/dataset/idx.h>

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace farro::fuzz {
namespace {

// A file without a place on the disk; readers open it by its path.
class MemoryFile {
 public:
  MemoryFile() : fd_(::memfd_create("fuzz", MFD_CLOEXEC)), path_(str("/proc/self/fd/", fd_.get())) {}
  const std::string& path() const { return path_; }
  void set(std::string_view bytes) {
    if (::ftruncate(fd_.get(), 0) != 0 || ::lseek(fd_.get(), 0, SEEK_SET) != 0)
      io::fail_errno(errno, "could not reset", path_);
    io::write_all(fd_.get(), bytes, path_);
  }

 private:
  io::FileDescriptor fd_;
  std::string path_;
};

struct Reader {
  std::vector<std::string> seeds;
  std::function<void(const std::string& path)> read;
};

// In memory: readers that replace files flush them, which would take most of the time on a disk.
std::string temporary_path() { return str("/dev/shm/farro_fuzz_", ::getpid()); }

Tensor counting(DType dtype, const Shape& shape) {
  Tensor tensor = empty(shape, {.dtype = dtype, .device = Device::cpu()});
  auto* bytes = static_cast<unsigned char*>(tensor.raw_data());
  for (size_t i = 0; i < tensor.nbytes(); ++i)
    bytes[i] = static_cast<unsigned char>(dtype == DType::boolean ? i & 1 : i);
  return tensor;
}

std::string bytes_after(const std::function<void(const std::string&)>& write) {
  const std::string path = temporary_path();
  write(path);
  std::string bytes = io::read_file(path);
  ::unlink(path.c_str());
  return bytes;
}

std::vector<std::string> safetensors_seeds() {
  std::vector<std::string> seeds;
  const io::NamedTensors few = {{"fc.weight", counting(DType::f32, {3, 4})}, {"fc.bias", counting(DType::bf16, {3})}};
  const io::NamedTensors odd = {
      {"s", counting(DType::i64, {})}, {"e", counting(DType::u8, {2, 0})}, {"b", counting(DType::boolean, {5})}};
  for (const auto& tensors : {few, odd, io::NamedTensors{}})
    seeds.push_back(bytes_after([&](const std::string& path) {
      io::save_safetensors(path, tensors, {{"format", "pt"}});
    }));
  // Without a checksum, so that mutants get past it.
  for (std::string seed : std::vector<std::string>(seeds)) {
    const size_t at = seed.find("farro.crc32c");
    seeds.push_back(seed.replace(at, 5, "other"));
  }
  return seeds;
}

std::vector<std::string> npy_seeds() {
  std::vector<std::string> seeds;
  for (const DType dtype : {DType::f32, DType::boolean, DType::i64})
    for (const Shape& shape : {Shape{}, Shape{4}, Shape{2, 3, 1}})
      seeds.push_back(bytes_after([&](const std::string& path) { io::save_npy(path, counting(dtype, shape)); }));
  std::string fortran = seeds.back();
  seeds.push_back(fortran.replace(fortran.find("False"), 5, "True "));
  return seeds;
}

std::string gzip(const std::string& text) {
  return bytes_after([&](const std::string& path) {
    gzFile file = ::gzopen(path.c_str(), "wb");
    ::gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
    ::gzclose(file);
  });
}

std::vector<std::string> idx_seeds() {
  std::string images("\0\0\x08\x03\0\0\0\x02\0\0\0\x03\0\0\0\x04", 16),
      cube("\0\0\x08\x03\0\0\0\0\0\0\0\x03\0\0\0\x04", 16);
  for (int i = 0; i < 24; ++i) images += static_cast<char>(i);
  return {images, cube, gzip(images), gzip(images) + gzip("")};
}

std::map<std::string, Reader> readers() {
  constexpr uint64_t kMegabyte = 1 << 20;
  const std::string text =
      "the quick brown fox jumps over the lazy dog, the quick brown fox jumps again and again and again";
  const std::string log = "{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"loss\":\"nan\"}\n{\"step\":3,\"ok\":true}\n";
  return {
      {"safetensors",
       {safetensors_seeds(),
        [](const std::string& path) {
          io::SafetensorsFile(path).verify();
          io::load_safetensors(path);
        }}},
      {"npy", {npy_seeds(), [](const std::string& path) { io::load_npy(path); }}},
      {"idx", {idx_seeds(), [](const std::string& path) { data::read_idx(path, 3, kMegabyte); }}},
      {"gzip",
       {{gzip(text), gzip(std::string(5000, 'a')), gzip(text) + gzip(text)},
        [](const std::string& path) { io::read_maybe_gzip(path, kMegabyte); }}},
      {"metrics",
       {{log},
        [](const std::string& path) {
          const std::string copy = temporary_path();
          io::AppendFile(copy, io::AppendFile::Mode::truncate).append(io::read_file(path));
          io::MetricsLog::resume(copy, 2);
        }}},
  };
}

long peak_megabytes() {
  rusage usage;
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

// Returns the number of failures.
int run(const std::string& name, const Reader& reader, uint64_t first, uint64_t count) {
  const Mutator mutator(reader.seeds);
  MemoryFile file;
  std::map<std::string, uint64_t> outcomes;
  int failures = 0;
  for (uint64_t number = first; number < first + count; ++number) {
    file.set(mutator.mutant(number));
    const auto start = std::chrono::steady_clock::now();
    try {
      reader.read(file.path());
      ++outcomes["accepted"];
    } catch (const io::FileError& error) {
      ++outcomes[io::name(error.fault)];
    } catch (const std::exception& error) {
      std::printf("FAILED %s %llu: %s\n", name.c_str(), static_cast<unsigned long long>(number), error.what());
      ++failures;
    }
    if (std::chrono::steady_clock::now() - start > std::chrono::seconds(10)) {
      std::printf("FAILED %s %llu: took more than 10 s\n", name.c_str(), static_cast<unsigned long long>(number));
      ++failures;
    }
  }
  std::printf("%-12s %llu mutants:", name.c_str(), static_cast<unsigned long long>(count));
  for (const auto& [outcome, times] : outcomes)
    std::printf(" %s %llu", outcome.c_str(), static_cast<unsigned long long>(times));
  std::printf("\n");
  return failures;
}

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const char* full = std::getenv("FARRO_TEST_FULL");
  const uint64_t first = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
  const uint64_t standard = full && std::strcmp(full, "1") == 0 ? 100'000 : 20'000;
  const uint64_t count = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : argc > 2 ? 1 : standard;
  int failures = 0;
  for (const auto& [name, reader] : readers()) {
    if (argc > 1 && name != argv[1]) continue;
    // The seeds themselves must be good, or their mutants test nothing.
    MemoryFile file;
    for (const std::string& seed : reader.seeds) {
      file.set(seed);
      reader.read(file.path());
    }
    const long before = peak_megabytes();
    failures += run(name, reader, first, count);
    const long grown = peak_megabytes() - before;
    std::printf("%-12s memory grew by %ld MiB\n", name.c_str(), grown);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // their shadow and quarantine grow by themselves
    if (grown > 64) {
      std::printf("FAILED %s: memory grew by more than 64 MiB\n", name.c_str());
      ++failures;
    }
#endif
  }
  ::unlink(temporary_path().c_str());
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace farro::fuzz

int main(int argc, char** argv) {
  try {
    return farro::fuzz::main(argc, argv);
  } catch (const std::exception& error) {
    std::printf("FAILED: %s\n", error.what());
    return 1;
  }
}
