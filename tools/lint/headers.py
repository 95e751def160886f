#!/usr/bin/env python3
"""Every header compiles alone.

usage: headers.py             those of the tree; after the release build, whose include folder it uses
       headers.py INCLUDE     those of an installed tree, with nothing else to find
"""
import concurrent.futures
import os
import pathlib
import subprocess
import sys

from check import LIBRARY, ROOT

# Headers of device code, and of files that are built once per instruction set, have their own compilers.
SKIPPED = ("core/simt_host/", "core/cuda/", "kernels/simt/")


def is_device_header(path):
    text = path.read_text(encoding="utf-8")
    return "FARRO_ISA" in text or "kernels/simt/" in text


def compile_alone(include, header):
    done = subprocess.run(["g++", "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", f"-I{include}",
                           "-include", f"farro/{header}", "-x", "c++", os.devnull], capture_output=True, text=True, check=False)
    return header, done.returncode, done.stderr


def headers_of_the_tree():
    headers = [str(path.relative_to(ROOT)) for folder in LIBRARY for path in sorted((ROOT / folder).rglob("*.h"))]
    return [h for h in headers if not h.startswith(SKIPPED) and not is_device_header(ROOT / h)]


def main():
    if len(sys.argv) > 1:
        include = pathlib.Path(sys.argv[1])
        headers = [str(path.relative_to(include / "farro")) for path in sorted((include / "farro").rglob("*.h"))]
    else:
        include = ROOT / "build" / "release" / "include"
        headers = headers_of_the_tree()
    if not headers:
        sys.exit(f"headers: there are none in {include}")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        failed = [(header, text) for header, code, text in pool.map(lambda h: compile_alone(include, h), headers) if code]
    for header, text in failed:
        print(f"{header} does not compile alone:\n{text}")
    print(f"headers: {len(headers)} compiled alone, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
