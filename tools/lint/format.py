#!/usr/bin/env python3
"""The layout of every C++ and CUDA source is that of .clang-format.

usage: format.py            names the files that differ; exit status 1 if there are any
       format.py --fix      lays them out

clang-format's releases differ in their output, so one is meant: RELEASE, the clang-format on the path if it is that one,
else PyPI's package in build/clang-format, made the first time.
"""
import concurrent.futures
import pathlib
import shutil
import subprocess
import sys

from check import ROOT

RELEASE = "18.1.8"
SUFFIXES = (".h", ".cpp", ".cu", ".cuh")
BATCH = 40  # files of one process


def is_release(program):
    out = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    return f" version {RELEASE}" in out


def find_program():
    on_path = shutil.which("clang-format")
    if on_path and is_release(on_path):
        return on_path
    own = ROOT / "build" / "clang-format"
    program = own / "bin" / "clang-format"
    if not program.exists() or not is_release(program):
        subprocess.run([sys.executable, "-m", "venv", own], check=True)
        subprocess.run([own / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check",
                        f"clang-format=={RELEASE}"], check=True)
    return program


def main():
    if sys.argv[1:] not in ([], ["--fix"]):
        sys.exit(__doc__)
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            capture_output=True, text=True, check=True).stdout
    files = [path for name in listed.split("\0") if name.endswith(SUFFIXES) and (path := pathlib.Path(ROOT, name)).exists()]
    command = [find_program(), "-i"] if sys.argv[1:] else [find_program(), "--dry-run", "-Werror"]
    batches = [files[i:i + BATCH] for i in range(0, len(files), BATCH)]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda batch: subprocess.run([*command, *batch], capture_output=True, text=True, check=False),
                             batches))
    messages = "".join(run.stderr for run in runs)
    differ = sorted({line.split(":")[0] for line in messages.splitlines() if "clang-format-violations" in line})
    for name in differ:
        print(f"{pathlib.Path(name).relative_to(ROOT)}: its layout is not that of .clang-format (tools/lint/format.py --fix)")
    if any(run.returncode for run in runs) and not differ:
        sys.exit(messages)
    print(f"format: {len(files)} files, {len(differ)} differ")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
