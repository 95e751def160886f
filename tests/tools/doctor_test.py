"""farro doctor --ops tells the kernels of the backend that answers to Device::cuda.

usage: doctor_test.py PROGRAM
"""
import os
import subprocess
import sys


def listing(backend):
    environment = {**os.environ, "FARRO_CUDA": backend}
    return subprocess.run([sys.argv[1], "doctor", "--ops"], env=environment, capture_output=True, text=True,
                          check=True).stdout


def main():
    with_backend = listing("simt")
    lines = with_backend.splitlines()
    for op in ("add", "exp", "layer_norm"):
        at = next(i for i, line in enumerate(lines) if line.startswith(op + "("))
        assert "cuda: -" not in lines[at + 1], lines[at:at + 2]
    assert "cuda is unused" not in with_backend
    assert "cuda is unused: FARRO_CUDA=off" in listing("off")
    print("doctor: passed")


if __name__ == "__main__":
    main()
