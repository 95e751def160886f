#!/usr/bin/env python3
"""Registers, spills, stack and shared memory of every device kernel, compared with tests/cuda/kernel_resources.txt.

usage: kernel_resources.py BUILD [--update]    compares, or writes the table anew
       kernel_resources.py --compile NVCC...   compiles, and keeps what ptxas says beside the object: OBJECT.ptxas

BUILD was configured with -DCMAKE_CUDA_COMPILER_LAUNCHER="python3;<this file>;--compile" for compute capability 9.0a.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TABLE = ROOT / "tests" / "cuda" / "kernel_resources.txt"
COLUMNS = ("registers", "spills", "stack", "shared")  # bytes but for registers; spills: stores and loads
# Another patch release of ptxas may use a few registers more; spills, stack and shared memory have no such room.
MORE_REGISTERS = 4
HEADER = """\
# Device kernels as ptxas builds them for sm_90a: registers, bytes spilled, bytes of stack, bytes of static shared memory.
# Written by tools/lint/kernel_resources.py BUILD --update; tools/test --full compares.
"""


def compile_and_keep(command):
    kept = pathlib.Path(command[command.index("-o") + 1] + ".ptxas")
    done = subprocess.run([*command, "-Xptxas", "-v"], capture_output=True, text=True, check=False)
    # A continuation line of ptxas is indented; everything else is the compiler's.
    info, rest = [], []
    for line in (done.stdout + done.stderr).splitlines():
        (info if line.startswith("ptxas info") or re.match(r"\s+\d+ bytes stack frame", line) else rest).append(line)
    if rest:
        print("\n".join(rest))
    kept.write_text("\n".join(info) + "\n", encoding="utf-8")
    return done.returncode


def readable(symbols):
    """Names without what changes from build to build: nvcc's hash of a file's unnamed namespace, and the parameters."""
    names = subprocess.run(["c++filt"], input="\n".join(symbols), capture_output=True, text=True, check=True).stdout
    result = []
    for name in names.splitlines():
        name = re.sub(r"_GLOBAL__N__[0-9a-f]{8}_\w*?_cu_[0-9a-f]{8}(_\d+)?", "(anonymous namespace)", name)
        name = re.sub(r"_INTERNAL_[0-9a-f]{8}_\w*?_cu_[0-9a-f]{8}(_\d+)?::", "", name)
        name = name.replace("(anonymous namespace)::", "").replace("farro::", "")
        name = re.sub(r"^void ", "", name)
        result.append(without_parameters(name))
    return result


def without_parameters(name):
    if not name.endswith(")"):
        return name
    depth = 0
    for at in range(len(name) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(name[at], 0)
        if depth == 0:
            return name[:at]
    return name


def read_build(build):
    """{source: {kernel: (registers, spills, stack, shared)}}"""
    found = {}
    for log in sorted(pathlib.Path(build).rglob("*.cu.o.ptxas")):
        source = re.sub(r"^.*/(kernels/.*\.cu)\.o\.ptxas$", r"\1", str(log))
        if "/generated/kernels/" in str(log):
            source = source.removesuffix(".cu") + ".formula.h"
        if not (ROOT / source).exists():  # of an older build
            continue
        symbols, rows, frame = [], [], (0, 0)
        for line in log.read_text(encoding="utf-8").splitlines():
            if match := re.search(r"Compiling entry function '(\S+)'", line):
                symbols.append(match[1])
            elif match := re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", line):
                frame = (int(match[2]) + int(match[3]), int(match[1]))
            elif match := re.search(r"Used (\d+) registers", line):
                shared = re.search(r"(\d+) bytes smem", line)
                rows.append((int(match[1]), *frame, int(shared[1]) if shared else 0))
                frame = (0, 0)
        if len(symbols) != len(rows):
            sys.exit(f"kernel_resources: {log}: {len(symbols)} kernels, but {len(rows)} lines of registers")
        found[source] = dict(zip(readable(symbols), rows))
        if len(found[source]) != len(rows):
            sys.exit(f"kernel_resources: {source}: two kernels have one name")
    return found


def read_table():
    table, source = {}, None
    for line in TABLE.read_text(encoding="utf-8").splitlines() if TABLE.exists() else []:
        if line.startswith("#") or not line:
            continue
        if not line.startswith(" "):
            source = table.setdefault(line, {})
            continue
        *numbers, name = line.split(maxsplit=len(COLUMNS))
        source[name] = tuple(map(int, numbers))
    return table


def write_table(table):
    text = HEADER
    for source, kernels in sorted(table.items()):
        text += f"\n{source}\n"
        for name, row in sorted(kernels.items()):
            text += "  " + " ".join(f"{number:4}" for number in row) + f"  {name}\n"
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    TABLE.write_text(text, encoding="utf-8")


def compare(found, table):
    problems = []
    for source in sorted({*found, *table}):
        now, before = found.get(source, {}), table.get(source, {})
        problems += [f"{source}: {name} is not in the table" for name in sorted({*now} - {*before})]
        problems += [f"{source}: {name} is in the table, but not in the build" for name in sorted({*before} - {*now})]
        for name in sorted({*now} & {*before}):
            for column, got, want in zip(COLUMNS, now[name], before[name]):
                if got > want + (MORE_REGISTERS if column == "registers" else 0):
                    problems.append(f"{source}: {name}: {column} must be at most {want}, got {got}")
    return problems


def main():
    if len(sys.argv) > 2 and sys.argv[1] == "--compile":
        return compile_and_keep(sys.argv[2:])
    update = "--update" in sys.argv
    arguments = [a for a in sys.argv[1:] if a != "--update"]
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    found = read_build(arguments[0])
    count = sum(map(len, found.values()))
    if count == 0:
        print(f"kernel_resources: no *.cu.o.ptxas in {arguments[0]}: was it built with the launcher?", file=sys.stderr)
        return 1
    if update:
        write_table(found)
    problems = compare(found, read_table())
    for problem in problems:
        print(problem)
    print(f"kernel_resources: {count} kernels, {len(problems)} problems" +
          ("; if they are meant: kernel_resources.py BUILD --update" if problems else ""))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
