// SPDX-License-Identifier: Apache-2.0
// The errors of call(), out of line: they are templates' cold paths and would be repeated in every op.
#include <farro/autograd/call/call.h>

namespace farro::detail {

void throw_undefined_input(const char* op, std::string_view argument) {
  fail<ValueError>(op, ": ", argument, " must be a defined tensor, got an undefined one");
}

void throw_no_backward(const char* op, std::string_view argument, const char* reason, const std::string& args) {
  fail<AutogradError>(op, ": ", argument, " must not require a gradient, for there is none: ", reason,
                      "; detach() first (", args, ")");
}

void throw_device_mismatch(const char* op, const Tensor& a, const Tensor& b) {
  fail<DeviceError>(op, ": tensors must be on one device, got ", a.device(), " and ", b.device(), " (", a, " and ", b,
                    ")");
}

}  // namespace farro::detail
