// SPDX-License-Identifier: Apache-2.0
// The public functions, each as something that can be called with arguments drawn at random.
#pragma once

#include "arguments.h"

#include <array>
#include <functional>

namespace farro::hostile {

struct Function {
  std::string name;
  std::function<std::vector<Tensor>(Draw&)> call;  // gives the tensors that came out
};

const std::vector<Function>& all_functions();

// Limits the memory of the process, before the first call; a signal and a call without end then say which it was.
void set_up_once();

// The seed of a function's call of that number, in every run: FNV-1a of the name, and a step of the golden ratio.
inline uint64_t seed_of(const Function& function, int64_t call) {
  uint64_t seed = 0xcbf29ce484222325u;
  for (char c : function.name) seed = (seed ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return seed + static_cast<uint64_t>(call) * 0x9e3779b97f4a7c15u;
}

namespace detail {

inline void collect(std::vector<Tensor>& out, const Tensor& tensor) { out.push_back(tensor); }
inline void collect(std::vector<Tensor>& out, const std::vector<Tensor>& tensors) {
  out.insert(out.end(), tensors.begin(), tensors.end());
}
inline void collect(std::vector<Tensor>& out, const std::pair<Tensor, Tensor>& tensors) {
  out.push_back(tensors.first);
  out.push_back(tensors.second);
}

template <class R, class... A>
Function make(const char* name, R (*fn)(A...)) {
  return {name, [fn](Draw& d) {
            // In braces, so that they are drawn in order.
            std::tuple<std::remove_cvref_t<A>...> arguments{Argument<std::remove_cvref_t<A>>::draw(d)...};
            std::vector<Tensor> out;
            std::apply(
                [&](auto&... argument) {
                  if constexpr (std::is_void_v<R>)
                    fn(argument...);
                  else
                    collect(out, fn(argument...));
                },
                arguments);
            return out;
          }};
}

}  // namespace detail

}  // namespace farro::hostile
