#!/usr/bin/env python3
"""The reference of the public headers, by Doxygen: build/docs/html/index.html.

usage: reference.py     after the release build has been configured, whose include folder it uses

Its input is what `cmake --install` installs: the headers that <farro/farro.h> reaches. A warning of Doxygen is an error, and so is a
file of the tree that a comment names and that is not there; a member without a comment is neither.
"""
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = ROOT / "build" / "release" / "include" / "farro"
OUT = ROOT / "build" / "docs"
NAMED_FILE = re.compile(r"\b(?:core|autograd|kernels|nn|optim|data|distributed|train|docs|tools|cmake|tests|examples)/[\w./-]+\.(?:h|cpp|cu|md|py)\b(?!\.)")
SETTINGS = """
PROJECT_NAME           = Farro
PROJECT_BRIEF          = "A deep-learning runtime for C++20"
OUTPUT_DIRECTORY       = "{out}"
INPUT                  = {input}
STRIP_FROM_PATH        = "{root}"
INPUT_FILTER           = "python3 {root}/tools/docs/comments.py"
GENERATE_LATEX         = NO
HAVE_DOT               = NO
QUIET                  = YES
EXTRACT_ALL            = YES
EXCLUDE_SYMBOLS        = farro::detail farro::*::detail
HIDE_UNDOC_RELATIONS   = YES
JAVADOC_AUTOBRIEF      = YES
ENABLE_PREPROCESSING   = YES
MACRO_EXPANSION        = YES
EXPAND_ONLY_PREDEF     = YES
PREDEFINED             = FARRO_API=
SKIP_FUNCTION_MACROS   = YES
WARNINGS               = YES
WARN_IF_UNDOCUMENTED   = NO
WARN_IF_INCOMPLETE_DOC = NO
WARN_AS_ERROR          = FAIL_ON_WARNINGS
"""


def public_headers():
    wanted, found = ["farro.h"], {}
    while wanted:
        header = wanted.pop()
        if header in found:
            continue
        found[header] = (INCLUDE / header).read_text(encoding="utf-8")
        wanted += re.findall(r"^#include <farro/([^>]*)>", found[header], re.MULTILINE)
    return found


def missing_files(header, text):
    for line in text.splitlines():
        for name in NAMED_FILE.findall(line.partition("//")[2]):
            if not (ROOT / name).exists():
                yield f"{header}: a comment names {name}, which is not there"


def main():
    if not (INCLUDE / "farro.h").exists():
        sys.exit(f"reference: there is no {INCLUDE / 'farro.h'}: configure the release build first (cmake --preset release)")
    headers = public_headers()
    problems = [problem for header, text in sorted(headers.items()) for problem in missing_files(header, text)]
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    # Files of the tree by their own names; those that CMake generates are in the build's folder.
    paths = [ROOT / header if (ROOT / header).exists() else INCLUDE / header for header in sorted(headers)]
    settings = OUT / "Doxyfile"
    settings.write_text(SETTINGS.format(root=ROOT, out=OUT, input=" ".join(f'"{path}"' for path in paths)), encoding="utf-8")
    done = subprocess.run(["doxygen", settings], capture_output=True, text=True, check=False)
    problems += done.stderr.splitlines()
    for problem in problems:
        print(problem)
    print(f"reference: {len(headers)} headers, {len(problems)} problems, {OUT / 'html' / 'index.html'}")
    return 1 if problems or done.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
