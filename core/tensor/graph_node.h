// SPDX-License-Identifier: Apache-2.0
// The part of autograd that a tensor record must know: a node is counted, and it is destroyed iteratively, so that a
// chain of a million nodes does not overflow the stack; a record notes whether it was made under inference_mode.
// autograd/node adds everything else.
#pragma once

#include <farro/core/api.h>
#include <farro/core/storage/small_pool.h>
#include <farro/core/util/ref.h>

namespace farro {

class FARRO_API GraphNode : public RefCounted, public Pooled {
 public:
  static void destroy(GraphNode* node) noexcept;
  // The name of the op that was recorded.
  virtual const char* name() const noexcept = 0;
  // The tensor this node accumulates into is going away.
  virtual void forget_leaf() noexcept {}

 protected:
  GraphNode() = default;
  virtual ~GraphNode() = default;

 private:
  GraphNode* next_doomed_ = nullptr;
};

namespace detail {
// What a thread records, and whether its calls are cast; set by the guards of autograd/node/grad_mode.h and
// autograd/call/autocast.h.
struct GradMode {
  bool enabled = true;
  bool inference = false;
  bool autocast = false;
};
extern FARRO_API constinit thread_local GradMode grad_mode_tls [[gnu::tls_model("initial-exec")]];
}  // namespace detail

}  // namespace farro
