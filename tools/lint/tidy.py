#!/usr/bin/env python3
"""clang-tidy over the library's sources, with the checks of .clang-tidy.

usage: tidy.py [FILE...]     default: every source of the library that is compiled once; those compiled for each instruction
                             set (*.cpu.cpp) and for devices (*.cu) only when they are named

Needs Debian's clang-tidy, and the release build to be configured: ninja knows how its files are compiled.
"""
import concurrent.futures
import json
import pathlib
import subprocess
import sys
import time

from check import LIBRARY, ROOT

BUILD = ROOT / "build" / "release"
DATABASE = ROOT / "build" / "tidy"  # where compile_commands.json is written
PROCESSES = 2


def write_database():
    """Writes compile_commands.json; returns the library's sources that are compiled once."""
    listing = subprocess.run(["ninja", "-C", BUILD, "-t", "compdb"], capture_output=True, text=True, check=True).stdout
    commands = [entry for entry in json.loads(listing) if entry["file"].endswith(".cpp") and " -c " in entry["command"]]
    DATABASE.mkdir(parents=True, exist_ok=True)
    (DATABASE / "compile_commands.json").write_text(json.dumps(commands), encoding="utf-8")
    files = sorted({(BUILD / entry["file"]).resolve() for entry in commands})
    return [path for path in files if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in LIBRARY
            and not path.name.endswith(".cpu.cpp")]


def tidy(path):
    started = time.monotonic()
    # -w: the compiler's own warnings are the build's matter.
    done = subprocess.run(["clang-tidy", "--quiet", "-p", DATABASE, "--extra-arg=-w", path],
                          capture_output=True, text=True, check=False)
    return path, done.returncode, done.stdout + (done.stderr if done.returncode else ""), time.monotonic() - started


def main():
    if not (BUILD / "build.ninja").exists():
        sys.exit(f"tidy: there is no {BUILD / 'build.ninja'}: configure the release build first (cmake --preset release)")
    own = write_database()
    files = [pathlib.Path(name).resolve() for name in sys.argv[1:]] or own
    failed = seconds = 0
    with concurrent.futures.ThreadPoolExecutor(PROCESSES) as pool:
        for path, code, text, took in pool.map(tidy, files):
            seconds += took
            if code:
                failed += 1
                print(text)
    print(f"tidy: {len(files)} files, {failed} with findings, {seconds / max(len(files), 1):.1f} s a file")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
