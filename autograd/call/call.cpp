#include <farro/autograd/call/call.h>

namespace farro::detail {

namespace {
constexpr const char* kDeviceNames[] = {"cpu", "cuda", "meta"};
}

void throw_undefined_input(const char* op, const char* argument) {
  fail<ValueError>(op, ": ", argument, " must be a defined tensor, got an undefined one");
}

void throw_no_backward(const char* op, const char* argument, const char* reason, const std::string& args) {
  fail<AutogradError>(op, ": ", argument, " must not require a gradient, for there is none: ", reason,
                      "; detach() first (", args, ")");
}

void throw_device_mismatch(const char* op, const Tensor& a, const Tensor& b) {
  fail<DeviceError>(op, ": tensors must be on one device, got ", a.device(), " and ", b.device(), " (", a, " and ", b,
                    ")");
}

void throw_no_kernel(const char* op, DeviceType device, const std::string& args) {
  fail<NotImplementedError>(op, ": must run on a device that has a kernel for it, got ",
                            kDeviceNames[static_cast<int>(device)], " (", args, ")");
}

void throw_no_variant(const char* op, int forced, const std::string& args) {
  fail<NotImplementedError>(op, ": some variant must support the arguments, got none",
                            forced >= 0 ? " with the variant forced to " : "",
                            forced >= 0 ? name(static_cast<Variant>(forced)) : "", " (", args, ")");
}

}  // namespace farro::detail
