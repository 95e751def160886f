// SPDX-License-Identifier: Apache-2.0
// What the shared library exports: everything is hidden but what is marked FARRO_API.
#pragma once

// Stands before a function, after `class` or `struct`, and after `extern`. Classes need it where a member is defined in
// a source file or where their type is looked up at run time (exceptions, dynamic_cast, the tables of an op); templates
// and inline functions do not. The backends and the library share templates of ops, so every struct of an *.op.h has
// it.
#define FARRO_API __attribute__((visibility("default")))
