// SPDX-License-Identifier: Apache-2.0
// Feeds every target with mutants of good input. A reader must accept a file or refuse it with a FileError (other
// targets: a UserError); anything else (another exception, a crash, a hang, memory beyond the file's size) fails. Seeds
// are the files in corpus/<target>/, which must be accepted but for those named bad-*: what once did harm and must be
// refused.
//   fuzz_readers CORPUS [target [first [count]]]     repeats from a mutant's number
// FARRO_TEST_FULL=1 runs 100,000 mutants a target; the last argument gives another number. Meant to be run under
// AddressSanitizer too.
#include "mutator.h"
#include "target.h"

#include <farro/core/io/file.h>
#include <farro/core/io/file_error.h>
#include <farro/core/util/log.h>

#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
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

struct Seed {
  std::string name;
  std::string bytes;
};

std::vector<Seed> corpus(const std::string& folder) {
  std::vector<Seed> seeds;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    seeds.push_back({entry.path().filename().string(), io::read_file(entry.path().string())});
  std::sort(seeds.begin(), seeds.end(), [](const Seed& a, const Seed& b) { return a.name < b.name; });
  return seeds;
}

// The name of what became of it; "FAILED: <reason>" where the target did what it must not.
std::string outcome(const Target& target, const std::string& path) {
  try {
    target.read(path);
    return "accepted";
  } catch (const io::FileError& error) {
    return io::name(error.fault);
  } catch (const UserError& error) {
    return target.reads_files ? str("FAILED: ", error.what()) : std::string(error.kind());
  } catch (const std::exception& error) {
    return str("FAILED: ", error.what());
  }
}

long peak_megabytes() {
  rusage usage;
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

// Returns the number of failures.
int run(const std::string& name, const Target& target, const std::vector<Seed>& seeds, uint64_t first, uint64_t count) {
  MemoryFile file;
  int failures = 0;
  std::vector<std::string> bytes;
  for (const Seed& seed : seeds) {
    file.set(seed.bytes);
    const std::string found = outcome(target, file.path());
    const bool bad = seed.name.starts_with("bad-");
    if (found.starts_with("FAILED") || (found == "accepted") == bad) {
      std::printf("FAILED %s/%s: %s\n", name.c_str(), seed.name.c_str(), found.c_str());
      ++failures;
    }
    bytes.push_back(seed.bytes);
  }
  const Mutator mutator(bytes);
  std::map<std::string, uint64_t> outcomes;
  for (uint64_t number = first; number < first + count; ++number) {
    file.set(mutator.mutant(number));
    const auto start = std::chrono::steady_clock::now();
    std::string found = outcome(target, file.path());
    if (std::chrono::steady_clock::now() - start > std::chrono::seconds(10)) found = "FAILED: took more than 10 s";
    if (found.starts_with("FAILED")) {
      std::printf("%s (%s %llu)\n", found.c_str(), name.c_str(), static_cast<unsigned long long>(number));
      ++failures;
    } else {
      ++outcomes[found];
    }
  }
  std::printf("%-12s %llu mutants of %zu seeds:", name.c_str(), static_cast<unsigned long long>(count), seeds.size());
  for (const auto& [found, times] : outcomes)
    std::printf(" %s %llu", found.c_str(), static_cast<unsigned long long>(times));
  std::printf("\n");
  return failures;
}

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  set_default_log_level(LogLevel::off);  // the warnings of damaged checkpoints
  if (argc < 2) {
    std::fprintf(stderr, "usage: fuzz_readers CORPUS [TARGET [FIRST [COUNT]]]\n");
    return 2;
  }
  const char* full = std::getenv("FARRO_TEST_FULL");
  const uint64_t first = argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 0;
  const uint64_t standard = full && std::strcmp(full, "1") == 0 ? 100'000 : 20'000;
  const uint64_t count = argc > 4 ? std::strtoull(argv[4], nullptr, 10) : argc > 3 ? 1 : standard;
  int failures = 0, found = 0;
  for (const auto& [name, target] : targets()) {
    if (argc > 2 && name != argv[2]) continue;
    ++found;
    const std::vector<Seed> seeds = corpus(str(argv[1], "/", name));
    if (seeds.empty()) fail<ValueError>("corpus: there must be seeds for ", name, ", got none");
    const long before = peak_megabytes();
    failures += run(name, target, seeds, first, count);
    const long grown = peak_megabytes() - before;
    std::printf("%-12s memory grew by %ld MiB\n", name.c_str(), grown);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // their shadow and quarantine grow by themselves
    if (grown > 64) {
      std::printf("FAILED %s: memory grew by more than 64 MiB\n", name.c_str());
      ++failures;
    }
#endif
  }
  if (found == 0) fail<ValueError>("target: must be one of the folders of the corpus, got '", argv[2], "'");
  ::unlink(temporary_path().c_str());
  std::filesystem::remove_all(temporary_path() + "_checkpoints");
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
