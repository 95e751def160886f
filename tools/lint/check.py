#!/usr/bin/env python3
"""The project's rules that a machine can check: layering, file size, and what library code must not contain."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Dependencies point left only.
LAYERS = {"core": 0, "autograd": 1, "kernels": 2, "nn": 3, "optim": 4, "data": 4, "distributed": 5, "train": 6,
          "tools": 7, "examples": 7, "tests": 8}
LIBRARY = ("core", "autograd", "kernels", "nn", "optim", "data", "distributed", "train")
CODE = {".h", ".cpp", ".cu"}
LICENSE_LINE = "// SPDX-License-Identifier: Apache-2.0"
MAX_LINES = 800
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]farro/([a-z_]+)/')
FORBIDDEN = [
    (re.compile(r"(?<![\w:.>])(?:std::)?(?:printf|abort|exit|_exit|quick_exit)\s*\("), "calls {0}: throw a typed error"),
    (re.compile(r"\bstd::(?:cout|cerr)\b"), "writes to {0}: libraries stay silent"),
    (re.compile(r"<<<"), "launches with <<<>>>: use launch()"),
]


def tracked_files():
    listing = subprocess.run(["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard"],
                             capture_output=True, text=True, check=False)
    names = listing.stdout.split() if listing.returncode == 0 else [
        str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if p.is_file() and "build" not in p.relative_to(ROOT).parts]
    return [pathlib.Path(name) for name in names if (ROOT / name).exists()]


def without_comments(line):
    return re.sub(r'"(?:[^"\\]|\\.)*"', '""', line).split("//")[0]


def check_file(path, problems):
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    folder = path.parts[0]

    def report(number, text):
        problems.append(f"{path}:{number}: {text}")

    if len(lines) > MAX_LINES:
        report(MAX_LINES, f"{len(lines)} lines; the limit is {MAX_LINES}: split it")
    if path.suffix == ".h" and not any(line.startswith("#pragma once") for line in lines):
        report(1, "a header must say #pragma once")
    if lines[:1] != [LICENSE_LINE]:
        report(1, f"the first line must be {LICENSE_LINE}")
    if not "".join(lines[1:2]).startswith("//"):
        report(2, "a file starts with a comment that says what it is for")
    for number, line in enumerate(lines, 1):
        code = without_comments(line)
        match = INCLUDE.match(line)
        if match and match[1] in LAYERS and folder in LAYERS and LAYERS[match[1]] > LAYERS[folder]:
            report(number, f"{folder} must not include {match[1]}: dependencies point left only")
        if folder not in LIBRARY:
            continue
        if path.suffix == ".h" and re.match(r"using\s+namespace\b", code):
            report(number, "no `using namespace` in headers")
        for pattern, message in FORBIDDEN:
            found = pattern.search(code)
            if found and not path.parts[:2] == ("kernels", "simt"):
                report(number, message.format(found[0].strip("( ")))


def main():
    problems = []
    files = [path for path in tracked_files() if path.suffix in CODE]
    for path in files:
        check_file(path, problems)
    for problem in problems:
        print(problem)
    print(f"lint: {len(files)} files, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
