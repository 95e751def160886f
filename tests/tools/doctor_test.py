"""farro doctor --ops tells the kernels of the backend that answers to Device::cuda, and docs/ops.md is what it says.

usage: doctor_test.py PROGRAM OPS_MD
"""
import os
import subprocess
import sys


def listing(backend, *more):
    environment = {**os.environ, "FARRO_CUDA": backend}
    return subprocess.run([sys.argv[1], "doctor", "--ops", *more], env=environment, capture_output=True, text=True,
                          check=True).stdout


def main():
    with_backend = listing("simt")
    lines = with_backend.splitlines()
    for op in ("add", "exp", "layer_norm"):
        at = next(i for i, line in enumerate(lines) if line.startswith(op + "("))
        assert "cuda: -" not in lines[at + 1], lines[at:at + 2]
    assert "cuda is unused" not in with_backend
    assert "cuda is unused: FARRO_CUDA=off" in listing("off")
    with open(sys.argv[2], encoding="utf-8") as file:
        assert file.read() == listing("simt", "--markdown"), \
            f"{sys.argv[2]} is old: FARRO_CUDA=simt farro doctor --ops --markdown > docs/ops.md"
    print("doctor: passed")


if __name__ == "__main__":
    main()
