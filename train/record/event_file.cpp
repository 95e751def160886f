// SPDX-License-Identifier: Apache-2.0
// Event files that TensorBoard reads, written without protobuf or TensorFlow: records of one scalar each.
#include <farro/train/record/event_file.h>

#include <farro/core/error/error.h>
#include <farro/core/io/atomic_file.h>
#include <farro/core/io/detail/crc32c.h>
#include <farro/core/io/detail/utf8.h>

#include <unistd.h>

#include <atomic>
#include <bit>
#include <chrono>
#include <ctime>

namespace farro::training {

namespace {

// The protocol-buffer wire format (protobuf.dev/programming-guides/encoding), as far as events need it.
enum class Wire : unsigned { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

void put_little_endian(std::string& out, uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 255);
}
void put_varint(std::string& out, uint64_t value) {
  // Seven bits a byte, the least first; the top bit says that more follow.
  for (; value >= 128; value >>= 7) out += static_cast<char>((value & 127) | 128);
  out += static_cast<char>(value);
}
void put_key(std::string& out, unsigned field, Wire wire) { put_varint(out, field << 3 | static_cast<unsigned>(wire)); }
void put_bytes(std::string& out, unsigned field, std::string_view bytes) {
  put_key(out, field, Wire::bytes);
  put_varint(out, bytes.size());
  out += bytes;
}

// tensorflow/core/util/event.proto: double wall_time = 1, int64 step = 2, string file_version = 3, Summary summary = 5,
// SessionLog session_log = 7.
std::string begin_event(int64_t step) {
  using Seconds = std::chrono::duration<double>;
  const double now = Seconds(std::chrono::system_clock::now().time_since_epoch()).count();
  std::string event;
  put_key(event, 1, Wire::fixed64);
  put_little_endian(event, std::bit_cast<uint64_t>(now), 8);
  put_key(event, 2, Wire::varint);
  put_varint(event, static_cast<uint64_t>(step));
  return event;
}

// TFRecord checksums are rotated and offset, so that a checksum of data with checksums inside stays meaningful.
uint32_t masked_crc(std::string_view bytes) { return std::rotr(crc32c(bytes.data(), bytes.size()), 15) + 0xa282ead8u; }

std::string make_path(const std::string& folder) {
  io::make_folder(folder);
  char host[256] = "localhost";
  ::gethostname(host, sizeof host - 1);
  // Unique also for several files of one process within a second.
  static std::atomic<int> count{0};
  return str(folder, "/events.out.tfevents.", static_cast<long long>(std::time(nullptr)), ".", host, ".", ::getpid(),
             ".", count++);
}

}  // namespace

EventFile::EventFile(const std::string& folder, int64_t first_step)
    : file_(make_path(folder), io::AppendFile::Mode::truncate) {
  std::string version = begin_event(0);
  // Readers look for this version in the first record.
  put_bytes(version, 3, "brain.Event:2");
  write_record(version);
  if (first_step <= 0) return;
  std::string session_log;  // SessionLog: status = 1, START = 1
  put_key(session_log, 1, Wire::varint);
  put_varint(session_log, 1);
  // Tells TensorBoard to drop what an earlier file says of later steps.
  std::string restart = begin_event(first_step);
  put_bytes(restart, 7, session_log);
  write_record(restart);
}

void EventFile::add_scalar(std::string_view tag, int64_t step, float value) {
  std::string point;                  // Summary.Value: string tag = 1, float simple_value = 2
  put_bytes(point, 1, to_utf8(tag));  // protobuf readers refuse the whole file for a string that is none
  put_key(point, 2, Wire::fixed32);
  put_little_endian(point, std::bit_cast<uint32_t>(value), 4);
  std::string summary;  // Summary: repeated Value value = 1
  put_bytes(summary, 1, point);
  std::string event = begin_event(step);
  put_bytes(event, 5, summary);
  write_record(event);
}

// A TFRecord frame: length, checksum of the length, data, checksum of the data.
void EventFile::write_record(std::string_view event) {
  std::string frame;
  put_little_endian(frame, event.size(), 8);
  put_little_endian(frame, masked_crc(frame), 4);
  frame += event;
  put_little_endian(frame, masked_crc(event), 4);
  file_.append(frame);
}

}  // namespace farro::training
