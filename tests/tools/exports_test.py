#!/usr/bin/env python3
# What the shared libraries export: nothing of the kernels' loops or of other libraries, and all that the backends need.
#   exports_test.py NM libfarro.so [backend.so ...]
import subprocess
import sys

# Namespaces of one instruction set's loops and of libraries that are built into libfarro.
PRIVATE = ("farro::generic::", "farro::avx2::", "farro::avx512::", "farro::worker_pool::", "(anonymous namespace)",
           "spdlog::", "fmt::", "nlohmann::", "dnnl")
# Marked functions and classes, and the tables of ops (core/api.h): 2,122 in the first build that hid the rest, of 5,246
# before. Room for new ops; a jump means that something is exported by accident.
MOST = 3000


def symbols(nm, library, which):
    """Demangled names, without 'symbol version' suffixes. Weak ones of std:: templates are every library's."""
    out = subprocess.run([nm, "-DC", which, library], check=True, capture_output=True, text=True).stdout
    return {line[19:].split("@")[0] for line in out.splitlines()}


def main():
    nm, library, *backends = sys.argv[1:]
    defined = symbols(nm, library, "--defined-only")
    names = {name for name in defined if "farro" in name or any(p in name for p in PRIVATE)}
    faults = [f"exported, but private: {name}" for name in sorted(names)
              if any(name.startswith(p) or f" {p}" in name.split("(")[0] for p in PRIVATE)]
    if len(names) > MOST:
        faults.append(f"{len(names)} symbols are exported, at most {MOST} are expected")
    for backend in backends:
        missing = {name for name in symbols(nm, backend, "--undefined-only") if name.startswith("farro::")} - defined
        faults += [f"{backend} needs what libfarro does not export: {name}" for name in sorted(missing)]
    print("\n".join(faults) or f"{len(names)} symbols, none of them private; {len(backends)} backends find theirs")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
