#!/usr/bin/env python3
"""Compares the instructions of small operations with their budgets.

usage: check_budgets.py PATH_TO_PERF_LOOP

Counts with callgrind at two lengths of the loop; the difference is the operation alone, so that start-up and noise do
not matter. Exits 77 (skipped) without valgrind.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

# loop: (short run, long run, operations per turn, budget in instructions per operation)
BUDGETS = {
    "add": (1000, 5000, 1, 460),
    "add_grad": (1000, 5000, 1, 760),
    "chain": (3, 8, 1000, 2250),
}


def instructions(program, loop, count, folder):
    out = os.path.join(folder, "callgrind.out")
    # AVX-512 is beyond valgrind; one thread, or idle ones would be counted.
    env = dict(os.environ, OMP_NUM_THREADS="1", FARRO_CPU_ISA="avx2")
    result = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", program, loop, str(count)],
        env=env, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{loop}: perf_loop failed under valgrind\n{result.stderr}")
    with open(out, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if match := re.match(r"(?:summary|totals): (\d+)", line):
                return int(match.group(1))
    sys.exit(f"{loop}: no total in callgrind's output")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    if not shutil.which("valgrind"):
        print("skipped: valgrind is not installed")
        sys.exit(77)
    over = False
    with tempfile.TemporaryDirectory() as folder:
        for loop, (short, long, per_turn, budget) in BUDGETS.items():
            difference = (instructions(sys.argv[1], loop, long, folder) -
                          instructions(sys.argv[1], loop, short, folder))
            each = difference / ((long - short) * per_turn)
            over = over or each > budget
            print(f"{loop:9} {each:7.0f} instructions, budget {budget}{'' if each <= budget else '  OVER BUDGET'}")
    sys.exit(1 if over else 0)


if __name__ == "__main__":
    main()
