"""Every module, loss and optimizer has a parity case, or a line that says why not in without_case.txt or a file of its own,
<name>.without_case.txt.

usage: complete.py SOURCE_FOLDER

Classes are found in nn/layers, nn/models and optim/optimizers, losses in kernels/loss; what a *_test.cpp of this folder
names as nn::X, optim::X or (a loss) x(...) has a case. A line about something that has one, or is not there, fails too.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1])


def read(folder, pattern):
    return [path.read_text(encoding="utf-8") for path in sorted((ROOT / folder).glob(pattern))]


def wanted():
    names = set()
    for space, folders in (("nn", ("nn/layers", "nn/models")), ("optim", ("optim/optimizers",))):
        for folder in folders:
            for text in read(folder, "*.h"):
                names |= {f"{space}::{name}" for name in re.findall(r"^class (?:FARRO_API )?(\w+) final\b", text, re.MULTILINE)}
    for text in read("kernels/loss", "*.h"):
        names |= set(re.findall(r"^(?:FARRO_API )?Tensor (\w*loss|\w*cross_entropy\w*)\(", text, re.MULTILINE))
    return names


def main():
    cases = "\n".join(re.sub(r"//.*|#include.*", "", text) for text in read("tests/parity", "*_test.cpp"))
    reasons = {}
    for text in read("tests/parity", "*without_case.txt"):
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, _, reason = line.partition(": ")
                reasons[name] = reason.strip()
    names = wanted()
    faults = []
    for name in sorted(names):
        has_case = re.search(rf"\b{re.escape(name)}\b", cases) is not None
        if has_case and name in reasons:
            faults.append(f"{name}: has a case, take its line out of the *without_case.txt")
        elif not has_case and not reasons.get(name):
            faults.append(f"{name}: must have a case in tests/parity/*_test.cpp or a reason in a *without_case.txt")
    faults += [f"{name}: in a *without_case.txt, but no such class or loss" for name in sorted(set(reasons) - names)]
    if faults:
        sys.exit("parity is not complete:\n  " + "\n  ".join(faults))
    print(f"parity: {len(names) - len(reasons)} with cases, {len(reasons)} with reasons")


if __name__ == "__main__":
    main()
