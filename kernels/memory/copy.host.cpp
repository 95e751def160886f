// SPDX-License-Identifier: Apache-2.0
// Moving elements between layouts, dtypes and devices.
#include <farro/core/op/op_table.h>
#include <farro/kernels/memory/copy.op.h>

#include <farro/core/device/backend.h>
#include <farro/core/dtype/visit.h>
#include <farro/core/parallel/parallel.h>
#include <farro/kernels/memory/strided_copy.h>
#include <farro/kernels/pointwise/host_driver.h>

#include <cmath>
#include <cstring>

namespace farro {

DeviceCopy device_copy = nullptr;

namespace {

template <class T>
void identity_loop(void* out, const void* const* in, const bool* scalar, int64_t n, const void*) {
  T* o = static_cast<T*>(out);
  const T* a = static_cast<const T*>(in[0]);
  if (scalar[0]) {
    for (int64_t i = 0; i < n; ++i) o[i] = *a;
  } else if (o != a) {
    std::memcpy(o, a, static_cast<size_t>(n) * sizeof(T));
  }
}

bool same_bytes(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.sizes() == b.sizes() &&
         ((a.is_contiguous() && b.is_contiguous()) ||
          (a.is_contiguous(MemoryFormat::channels_last) && b.is_contiguous(MemoryFormat::channels_last)));
}

// Strides of `source` broadcast to `sizes`.
Strides broadcast_strides(const Tensor& source, const Shape& sizes) {
  Strides strides = Dims::filled(sizes.size(), 0);
  const int lead = sizes.size() - source.dim();
  for (int i = 0; i < source.dim(); ++i)
    if (source.sizes()[i] != 1) strides[lead + i] = source.strides()[i];
  return strides;
}

// One range a thread: memcpy writes past the caches where it is called for much, which takes half the time.
int64_t byte_grain(const Tensor& target) {
  const int64_t threads = num_threads();
  return std::max<int64_t>((static_cast<int64_t>(target.nbytes()) + threads - 1) / threads, 1 << 20);
}

void copy_on_cpu(const Tensor& target, const Tensor& source) {
  if (same_bytes(target, source)) {
    char* to = static_cast<char*>(target.raw_data());
    const char* from = static_cast<const char*>(source.raw_data());
    parallel_for(static_cast<int64_t>(target.nbytes()), byte_grain(target), [&](int64_t begin, int64_t end) {
      std::memcpy(to + begin, from + begin, static_cast<size_t>(end - begin));
    });
    return;
  }
  // Bytes alone are moved: no type is needed, only its size.
  if (target.dtype() == source.dtype())
    return strided_copy(target.raw_data(), target.strides(), source.raw_data(),
                        broadcast_strides(source, target.sizes()), target.sizes(), item_size(target.dtype()));
  // Through the source's compute type.
  const DType compute = compute_type(source.dtype());
  const Tensor* inputs[] = {&source};
  const PointwiseLoop loop = compute == DType::f32   ? &identity_loop<float>
                             : compute == DType::f64 ? &identity_loop<double>
                                                     : &identity_loop<int64_t>;
  run_pointwise(target, inputs, {loop, nullptr, compute, compute});
}

// What is queued on `later` from now on waits for what is on `earlier`.
void order_streams(Stream earlier, Stream later) {
  struct Event {
    void* handle;
    ~Event() { cuda_backend().destroy_event(handle); }
  };
  const Event event{cuda_backend().create_event(earlier.device.index)};
  cuda_backend().record_event(event.handle, earlier);
  cuda_backend().wait_event(event.handle, later);
}

Stream stream_of(const Tensor& tensor) { return cuda_backend().current_stream(tensor.device().index); }

void copy_between_devices(const Tensor& target, const Tensor& source) {
  // Bytes travel dense and in one dtype; layout and dtype are changed on either side.
  Ctx here("copy", source.device()), there("copy", target.device());
  const Tensor from = here.dense(source, MemoryFormat::contiguous, target.dtype());
  if (!target.is_contiguous() || from.sizes() != target.sizes()) {
    const Tensor staged = there.scratch_tensor(from.sizes(), MemoryFormat::contiguous, target.dtype());
    copy_between_devices(staged, from);
    copy_elements(target, staged);
    return;
  }
  if (source.is_cpu()) {
    cuda_backend().copy_to_device(target.raw_data(), from.raw_data(), from.nbytes(), stream_of(target));
  } else if (target.is_cpu()) {
    cuda_backend().copy_to_host(target.raw_data(), from.raw_data(), from.nbytes(), stream_of(source));
  } else {
    // On the target's stream, after the source was written; and its memory may be used anew only once it was read.
    order_streams(stream_of(source), stream_of(target));
    cuda_backend().copy_on_device(target.raw_data(), from.raw_data(), from.nbytes(), stream_of(target));
    order_streams(stream_of(target), stream_of(source));
  }
}

void copy_kernel(Ctx&, const Copy::Args& args, Outputs<Copy>& out) { copy_elements(out[0], args.source); }
void copy_into_kernel(Ctx&, const CopyInto::Args& args, Outputs<CopyInto>& out) { copy_elements(out[0], args.source); }

void fill_cpu(Ctx&, const Fill::Args& args, Outputs<Fill>& out) {
  const Tensor value = fill_value(args);
  const DType compute = value.dtype();
  const double number = args.value.to_double();
  // All bits of +0 are 0 in every dtype; -0 has a sign bit.
  if (number == 0 && !(std::signbit(number) && is_floating(compute)) && out[0].is_contiguous()) {
    char* data = static_cast<char*>(out[0].raw_data());
    parallel_for(static_cast<int64_t>(out[0].nbytes()), byte_grain(out[0]),
                 [&](int64_t begin, int64_t end) { std::memset(data + begin, 0, static_cast<size_t>(end - begin)); });
    return;
  }
  const Tensor* inputs[] = {&value};
  const PointwiseLoop loop = compute == DType::f32   ? &identity_loop<float>
                             : compute == DType::f64 ? &identity_loop<double>
                                                     : &identity_loop<int64_t>;
  run_pointwise(out[0], inputs, {loop, nullptr, compute, compute});
}

}  // namespace

void copy_elements(const Tensor& target, const Tensor& source) {
  if (target.numel() == 0) return;
  FARRO_CHECK(!source.is_meta(), DeviceError, "copy: source must have data, got a meta tensor (", source, ")");
  if (target.is_cpu() && source.is_cpu()) return copy_on_cpu(target, source);
  if (target.device() != source.device()) return copy_between_devices(target, source);
  FARRO_CHECK(device_copy, NotImplementedError, "copy: the device's backend must bring a copy kernel, got none (",
              target, ")");
  device_copy(target, source);
}

// An integer tensor must not see a floating number through a narrower type: 16777217.0 is no f32.
Tensor fill_value(const Fill::Args& args) {
  const DType dtype = compute_type(args.target.dtype());
  const Tensor value = empty({}, {.dtype = dtype, .device = Device::cpu()});
  const double number = args.value.to_double();
  if (dtype == DType::f64)
    *value.data<double>() = number;
  else if (dtype == DType::f32)
    *value.data<float>() = args.value.to_real<float>();
  else if (args.target.dtype() == DType::boolean)
    *value.data<int64_t>() = number != 0;
  else
    *value.data<int64_t>() = args.value.to_int();
  return value;
}

void register_copy_host();
void register_copy_host() {
  // One function serves every device: the source's and the target's may differ.
  register_kernel<Copy>(DeviceType::cpu, &copy_kernel);
  register_kernel<Copy>(DeviceType::cuda, &copy_kernel);
  register_kernel<CopyInto>(DeviceType::cpu, &copy_into_kernel);
  register_kernel<CopyInto>(DeviceType::cuda, &copy_into_kernel);
  register_kernel<Fill>(DeviceType::cpu, &fill_cpu);
}

}  // namespace farro
