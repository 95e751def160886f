#include <farro/kernels/cpu/convert.h>

namespace farro {
const ConvertTable* convert_table = nullptr;
}
