// SPDX-License-Identifier: Apache-2.0
// Device memory, streams and events of the host runtime, and the caching allocator above them.
#include "simt_test.h"

#include <farro/core/cuda/status.h>
#include <farro/kernels/simt/launch.h>

#include <cmath>
#include <cstdlib>
#include <thread>

namespace farro::simt_test {
namespace {

__global__ void fill(float* out, float value, int count) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count) out[i] = value;
}

__global__ void add_one(const float* in, float* out) { out[threadIdx.x] = in[threadIdx.x] + 1; }

void launch_fill(float* out, float value, int count, const Stream& where) {
  simt::launch(fill, {"fill", simt::blocks_for(count, 64), 64}, where, out, value, count);
}

TEST(DeviceMemory, StartsAsNaN) {
  const DeviceArray<float> fresh(64);
  for (const float value : fresh.to_host()) EXPECT_TRUE(std::isnan(value));
}

TEST(DeviceMemory, ReusedMemoryIsPoisonedAgain) {
  { const DeviceArray<float> first(std::vector<float>(64, 1.0f)); }
  const DeviceArray<float> second(64);
  for (const float value : second.to_host()) EXPECT_TRUE(std::isnan(value));
}

TEST(DeviceMemory, WritePastATensorIsAnError) {
  for (const auto& schedule : schedules()) {
    const simt_host::ScheduleGuard guard(schedule);
    const DeviceArray<float> small(100);
    const std::string text = error_of([&] {
      launch_fill(small.data(), 1, 101, stream());
      cuda_backend().synchronize(stream());
    });
    expect_contains(text,
                    "fill: device memory outside an allocation of 400 bytes on cuda:0 must not be written, got a "
                    "write 0 bytes past its end");
  }
}

bool memory_is_hidden() {
  const char* value = std::getenv("FARRO_SIMT_HIDE_MEMORY");
  return value && std::string(value) == "1";
}

TEST(DeviceMemory, WriteBeforeASegmentIsAnError) {
  if (memory_is_hidden()) GTEST_SKIP() << "the host must repair the sentinel";
  const simt_host::ScheduleGuard guard({});
  void* data = nullptr;
  cuda::check(cudaMalloc(&data, 400), "cudaMalloc");
  char* before = static_cast<char*>(data) - 4;
  const std::string text = error_of(
      [&] { simt::launch(+[](float* out) { out[-1] = 0; }, {"before", 1, 1}, stream(), static_cast<float*>(data)); });
  expect_contains(text, "got a write 4 bytes before it");
  EXPECT_EQ(cudaFree(data), cudaErrorLaunchFailure) << "freeing checks the sentinel as well";
  std::fill(before, before + 4, static_cast<char>(0xd7));  // repaired, so that it can be freed
  EXPECT_EQ(cudaFree(data), cudaSuccess);
}

TEST(DeviceMemory, HostPointersAreErrors) {
  float host[64] = {};
  const DeviceArray<float> device(64);
  expect_contains(error_of([&] { launch_fill(host, 1, 64, stream()); }),
                  "fill: argument 0 of the kernel must be device memory, got a host pointer");
  expect_contains(error_of([&] { cuda_backend().copy_on_device(device.data(), host, 64, stream()); }),
                  "src must be device memory, got a host pointer");
  expect_contains(error_of([&] { cuda_backend().copy_to_device(device.data(), device.data(), 64, stream()); }),
                  "src must be host memory, got device memory");
}

TEST(DeviceMemory, FreedMemoryMustNotBePassedOn) {
  float* stale = nullptr;
  const DeviceArray<float> keeps_the_segment(64);
  {
    const DeviceArray<float> freed(64);
    stale = freed.data();
  }
  expect_contains(error_of([&] { launch_fill(stale, 1, 64, stream()); }), "must lie inside one live tensor's memory");
}

TEST(DeviceMemory, HiddenMemoryFaultsOnTheHost) {
  if (!memory_is_hidden()) GTEST_SKIP() << "needs FARRO_SIMT_HIDE_MEMORY=1";
  const DeviceArray<float> device(64);
  EXPECT_DEATH(std::fill(device.data(), device.data() + 64, 1.0f), "");
}

TEST(DeviceMemory, CopiesMustStayInsideATensor) {
  const DeviceArray<float> small(64);
  std::vector<float> host(65);
  expect_contains(error_of([&] { cuda_backend().copy_to_device(small.data(), host.data(), 65 * 4, stream()); }),
                  "dst must lie inside one live tensor's memory");
}

TEST(DeviceMemory, FreeingTwiceIsAnError) {
  void* data = nullptr;
  ASSERT_EQ(cudaMalloc(&data, 64), cudaSuccess);
  EXPECT_EQ(cudaFree(data), cudaSuccess);
  EXPECT_EQ(cudaFree(data), cudaErrorInvalidValue);
}

// ---- streams

// A producer on one stream, a consumer on another, with or without the event between them.
float produce_and_consume(bool wait, const simt_host::Schedule& schedule) {
  const simt_host::ScheduleGuard guard(schedule);
  Backend& backend = cuda_backend();
  const Stream producer = backend.create_stream(0), consumer = backend.create_stream(0);
  void* event = backend.create_event(0);
  float result = 0;
  {
    const DeviceArray<float> data(64, producer), out(64, consumer);
    launch_fill(data.data(), 41, 64, producer);
    backend.record_event(event, producer);
    if (wait) backend.wait_event(event, consumer);
    simt::launch(add_one, {"add_one", 1, 64}, consumer, data.data(), out.data());
    result = out.to_host()[7];
    backend.synchronize(producer);
  }
  backend.destroy_event(event);
  backend.destroy_stream(producer);
  backend.destroy_stream(consumer);
  return result;
}

TEST(Streams, EventOrdersTwoStreams) {
  for (const auto& schedule : schedules(8)) EXPECT_EQ(produce_and_consume(true, schedule), 42) << to_string(schedule);
}

TEST(Streams, ForgottenWaitIsCaught) {
  EXPECT_EQ(produce_and_consume(false, {}), 42) << "the fair schedule cannot see it";
  int caught = 0;
  for (uint64_t seed = 1; seed <= 8; ++seed)
    caught += produce_and_consume(false, {simt_host::Order::adversarial, seed}) != 42;
  EXPECT_GE(caught, 4);
}

TEST(Streams, WorkIsDeferredUntilSomebodyWaits) {
  const simt_host::ScheduleGuard guard({simt_host::Order::adversarial, 1});
  const DeviceArray<float> data(64);
  const uint64_t before = simt_host::counters().launches;
  launch_fill(data.data(), 3, 64, stream());
  EXPECT_EQ(simt_host::counters().launches, before);
  EXPECT_EQ(data.to_host()[0], 3);
  EXPECT_EQ(simt_host::counters().launches, before + 1);
}

TEST(Streams, FreedMemoryMayBeUsedByWorkQueuedBefore) {
  for (const auto& schedule : schedules(8)) {
    const simt_host::ScheduleGuard guard(schedule);
    const DeviceArray<float> out(64);
    {
      const DeviceArray<float> temporary(64);
      launch_fill(temporary.data(), 1, 64, stream());
      simt::launch(add_one, {"add_one", 1, 64}, stream(), temporary.data(), out.data());
    }
    const DeviceArray<float> reused(64);
    launch_fill(reused.data(), 9, 64, stream());
    EXPECT_EQ(out.to_host()[3], 2);
  }
}

TEST(Streams, LongQueuesAreWorkedOff) {
  const simt_host::ScheduleGuard guard({simt_host::Order::adversarial, 3});
  const DeviceArray<float> data(64);
  for (int i = 0; i < 3000; ++i) launch_fill(data.data(), static_cast<float>(i), 64, stream());
  EXPECT_EQ(data.to_host()[0], 2999);
}

TEST(Streams, CopiesCrossDevices) {
  if (cuda_device_count() < 2) GTEST_SKIP() << "needs FARRO_SIMT_DEVICES=2";
  const DeviceArray<float> here(64, stream(0)), there(64, stream(1));
  cuda_backend().copy_to_device(here.data(), std::vector<float>(64, 5).data(), 256, stream(0));
  cuda_backend().copy_on_device(there.data(), here.data(), 256, stream(0));
  cuda_backend().synchronize(stream(0));
  EXPECT_EQ(there.to_host()[5], 5);
}

TEST(Streams, ThreadsShareTheMachine) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      Backend& backend = cuda_backend();
      const Stream mine = backend.create_stream(0);
      backend.set_current_stream(mine);
      for (int i = 0; i < 20; ++i) {
        const DeviceArray<float> data(1000);
        launch_fill(data.data(), static_cast<float>(t), 1000, stream());
        EXPECT_EQ(data.to_host()[999], static_cast<float>(t));
      }
      backend.set_current_stream({Device::cuda(0), nullptr});
      backend.destroy_stream(mine);
    });
  for (std::thread& thread : threads) thread.join();
}

// ---- the caching allocator

TEST(CachingAllocator, ReusesFreedMemoryOfTheSameStream) {
  const float* first = nullptr;
  {
    const DeviceArray<float> a(1000);
    first = a.data();
  }
  const DeviceArray<float> b(1000);
  EXPECT_EQ(b.data(), first);
  const Stream other = cuda_backend().create_stream(0);
  {
    { const DeviceArray<float> c(5000); }
    const DeviceArray<float> d(5000, other);
    const DeviceArray<float> e(5000);
    EXPECT_NE(d.data(), e.data());
  }
  cuda_backend().destroy_stream(other);
}

TEST(CachingAllocator, CountsBytesAndMergesBlocks) {
  Backend& backend = cuda_backend();
  backend.empty_cache(0);
  const auto before = backend.memory_stats(0);
  {
    const DeviceArray<char> a(300000), b(300000), c(300000);
    const auto during = backend.memory_stats(0);
    EXPECT_GE(during.in_use - before.in_use, 900000u);
    EXPECT_GE(during.peak, during.in_use);
    EXPECT_LE(during.reserved - before.reserved, size_t{2} << 20) << "three small blocks share a segment";
  }
  { const DeviceArray<char> whole(1000000); }
  EXPECT_LE(backend.memory_stats(0).reserved - before.reserved, size_t{2} << 20) << "merged again";
  EXPECT_EQ(backend.memory_stats(0).in_use, before.in_use);
  backend.empty_cache(0);
  EXPECT_EQ(backend.memory_stats(0).reserved, before.reserved);
}

TEST(CachingAllocator, FlushesItsCacheBeforeItGivesUp) {
  cuda_backend().empty_cache(0);
  simt_host::set_device_memory(size_t{64} << 20);
  const Stream other = cuda_backend().create_stream(0);
  {
    const DeviceArray<char> cached(size_t{40} << 20, other);
  }  // of no use to the default stream, so it must be flushed
  { const DeviceArray<char> needs_it(size_t{50} << 20); }
  const std::string text = error_of<OutOfMemoryError>([] { DeviceArray<char> too_large(size_t{100} << 20); });
  expect_contains(text, "allocate: bytes must fit in the memory of cuda:0, got 100.0 MiB (in use ");
  expect_contains(text, " of 64.0 MiB)");
  cuda_backend().destroy_stream(other);
  simt_host::set_device_memory(size_t{16} << 30);
}

TEST(CachingAllocator, AllocationFailureCanBeInjected) {
  simt_host::fail_allocation_after(1);
  const std::string text = error_of<OutOfMemoryError>([] {
    const DeviceArray<float> succeeds(64);
    const DeviceArray<float> fails(64);
  });
  simt_host::fail_allocation_after(-1);
  expect_contains(text, "allocate: bytes must fit");
  const DeviceArray<float> works_again(64);
}

TEST(CachingAllocator, NothingIsNull) { EXPECT_EQ(cuda_backend().allocate(0, stream()), nullptr); }

}  // namespace
}  // namespace farro::simt_test
