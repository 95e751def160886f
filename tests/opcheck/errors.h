// SPDX-License-Identifier: Apache-2.0
// The errors that all ops of a family have, for the samples files. Each op names itself and its own arguments in them.
#pragma once

#include <farro/kernels/memory/factories.h>
#include <farro/tests/opcheck/sample.h>

namespace farro::opcheck {

using PairFn = Tensor (*)(const Tensor&, const Tensor&);

// Two inputs that broadcast; numbers on the host may stand beside tensors of a device, arrays may not.
inline void pair_errors(SampleSink& sink, const char* op, PairFn run, const char* a = "a", const char* b = "b") {
  const std::string shapes = str(op, ": shapes must be equal or broadcast (sizes equal or 1), got ");
  const Device meta = Device::meta();
  sink.error<ValueError>(
      op, [run] { return run(Tensor(), ones({3})); },
      str(op, ": ", a, " must be a defined tensor, got an undefined one"));
  sink.error<ValueError>(
      op, [run] { return run(ones({3}), Tensor()); },
      str(op, ": ", b, " must be a defined tensor, got an undefined one"));
  sink.error<ShapeError>(
      op, [run] { return run(ones({2, 3}), ones({3, 2})); }, shapes + "[2, 3] and [3, 2] (dimension 0: 2 and 3)");
  sink.error<ShapeError>(
      op, [run] { return run(ones({4, 1, 2}), ones({3, 3})); }, shapes + "[4, 1, 2] and [3, 3] (dimension 2: 2 and 3)");
  sink.error<ShapeError>(
      op, [run] { return run(ones({0}), ones({2})); }, shapes + "[0] and [2] (dimension 0: 0 and 2)");
  sink.error<ShapeError>(
      op, [run] { return run(ones({5}), ones({2, 0})); }, shapes + "[5] and [2, 0] (dimension 1: 0 and 5)");
  sink.error<DeviceError>(
      op, [run, meta] { return run(ones({2}), ones({2}, {.device = meta})); },
      str(op, ": tensors must be on one device, got cpu and meta (f32 [2] cpu and f32 [2] meta)"));
  sink.error<DeviceError>(
      op, [run, meta] { return run(ones({}, {.device = meta}), ones({1})); },
      str(op, ": tensors must be on one device, got meta and cpu (f32 [] meta and f32 [1] cpu)"));
}

// Operators of a tensor and a number in u8, f16, f32 and f64; `name` is what errors call the op.
inline void number_errors(SampleSink& sink, const char* op, Tensor (*run)(const Tensor&, Scalar)) {
  const auto add = [&](DType dtype, Scalar number, const char* holds, const char* printed) {
    sink.error<ValueError>(
        op, [run, dtype, number] { return run(ones({2}, {.dtype = dtype}), number); },
        str(op, ": b must be a ", holds, ", got ", printed, " (a: ", dtype, " [2] cpu)"));
  };
  add(DType::u8, 256, "number that u8 holds, 0 to 255", "256");
  add(DType::u8, -1, "number that u8 holds, 0 to 255", "-1");
  add(DType::i8, 128, "number that i8 holds, -128 to 127", "128");
  add(DType::i16, -32769, "number that i16 holds, -32768 to 32767", "-32769");
  add(DType::i32, int64_t{1} << 31, "number that i32 holds, -2147483648 to 2147483647", "2147483648");
  add(DType::f32, 1e39, "number that f32 holds", "1e+39");
  add(DType::f16, -1e39, "number that f32 holds", "-1e+39");
  sink.error<ValueError>(
      op, [run] { return run(Tensor(), 1); }, str(op, ": a must be a defined tensor, got an undefined one"));
}

// Numbers that a tensor of the dtype cannot store.
struct Unheld {
  DType dtype;
  Scalar number;
  const char* holds;
};
inline constexpr Unheld kUnheld[] = {
    {DType::u8, 256, "number that u8 holds, 0 to 255"},
    {DType::u8, -1, "number that u8 holds, 0 to 255"},
    {DType::i8, 128, "number that i8 holds, -128 to 127"},
    {DType::i8, -129, "number that i8 holds, -128 to 127"},
    {DType::i16, 32768, "number that i16 holds, -32768 to 32767"},
    {DType::i32, int64_t{1} << 31, "number that i32 holds, -2147483648 to 2147483647"},
    {DType::f16, 65520.0, "number that f16 holds"},
    {DType::bf16, 3.4e38, "number that bf16 holds"},
    {DType::f32, -1e39, "number that f32 holds"},
};

}  // namespace farro::opcheck
