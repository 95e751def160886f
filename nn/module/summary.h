// SPDX-License-Identifier: Apache-2.0
// What a model is made of and what one forward pass costs, without computing anything: the model runs on meta tensors,
// and the shapes come from the ops' infer(), operations and bytes from their cost formulas.
//
//     std::cout << to_string(nn::summary(net, {1, 1, 28, 28}));
#pragma once

#include <farro/core/api.h>
#include <farro/core/op/op.h>
#include <farro/nn/module/module.h>

#include <functional>

namespace farro::nn {

struct SummaryRow {
  std::string path;  // "block3.fc1"; empty for the root
  std::string type;
  int depth = 0;
  int calls = 0;                 // 0 for a module that only groups others
  std::vector<Shape> outputs;    // of the last call, one for each tensor in its result
  Shape output;                  // the first of them
  int64_t parameters = 0;        // elements, in this module and below
  Cost cost;                     // of the ops run in this module and below
  int64_t activation_bytes = 0;  // outputs of those ops: what training keeps, at most
};

struct Summary {
  std::vector<SummaryRow> rows;  // the root first, then in order of declaration
  int64_t trainable_parameters = 0;
  int64_t weight_bytes = 0;  // parameters and buffers
  const SummaryRow& root() const& { return rows.front(); }
  SummaryRow root() && { return std::move(rows.front()); }
};

// Runs the model on an input of this shape. The model, its hooks and the random generators are afterwards as before;
// whatever the forward pass throws comes through.
FARRO_API Summary summary(Module& model, const Shape& input, DType dtype = DType::f32);
// For models that take other inputs: `run` calls the model with meta tensors.
//     nn::summary(lstm, [&] { lstm(empty({12, 8, 16}, {.device = Device::meta()})); });
FARRO_API Summary summary(ModuleBase& model, const std::function<void()>& run);

// A table with one line a module, and the totals.
FARRO_API std::string to_string(const Summary& summary);

}  // namespace farro::nn
