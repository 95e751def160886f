#!/usr/bin/env python3
"""Checks that Python reads what Farro writes, and the other way round.

Needs numpy, safetensors and tensorboard. Called by tools/test --full:

    python_readers.py <program io_python_files>

The program writes files into a folder and reads back the ones that Python puts there.
"""
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
from tensorboard.backend.event_processing import event_accumulator

DTYPES = {"f64": "F64", "f32": "F32", "f16": "F16", "bf16": "BF16", "i64": "I64",
          "i32": "I32", "i16": "I16", "i8": "I8", "u8": "U8", "bool": "BOOL"}
NUMPY = {"f64": "<f8", "f32": "<f4", "f16": "<f2", "i64": "<i8", "i32": "<i4", "i16": "<i2",
         "i8": "|i1", "u8": "|u1", "bool": "|b1"}
SHAPES = {"matrix": (2, 3), "scalar": (), "empty": (0, 4)}


def pattern(name, shape):
    """The values that io_python_files writes: element i is i, or i odd for bool."""
    values = np.arange(int(np.prod(shape)))
    return (values % 2 == 1 if name == "bool" else values.astype(NUMPY[name])).reshape(shape)


def check(condition, text):
    if not condition:
        sys.exit("python_readers: " + text)


def check_safetensors(path):
    with safetensors.safe_open(path, framework="numpy") as file:
        check(file.metadata()["format"] == "pt", "the metadata is not what was written")
        names = set(file.keys())
        check(len(names) == len(DTYPES) * len(SHAPES), f"{len(names)} tensors")
        for dtype, written in DTYPES.items():
            for kind, shape in SHAPES.items():
                name = f"{dtype}.{kind}"
                view = file.get_slice(name)
                check(view.get_dtype() == written and tuple(view.get_shape()) == shape, f"{name}: {view.get_dtype()}")
                if dtype in NUMPY:  # NumPy has no bf16
                    check(np.array_equal(file.get_tensor(name), pattern(dtype, shape)), f"{name}: other values")


def check_npy(folder):
    for dtype in NUMPY:
        for kind, shape in SHAPES.items():
            array = np.load(folder / f"{dtype}.{kind}.npy", allow_pickle=False)
            check(array.dtype == np.dtype(NUMPY[dtype]) and np.array_equal(array, pattern(dtype, shape)), f"{dtype}.{kind}.npy")


def check_events(folder):
    events = event_accumulator.EventAccumulator(str(folder))
    events.Reload()
    check(sorted(events.Tags()["scalars"]) == ["test/accuracy", "train/loss"], f"tags {events.Tags()['scalars']}")
    losses = [(event.step, event.value) for event in events.Scalars("train/loss")]
    # The second file goes on at step 5: what the first had from there on is dropped.
    expected = [(step, np.float32(1 / (step + 1))) for step in range(5)] + [(step, float(step)) for step in range(5, 8)]
    check(losses == expected, f"losses {losses}")


def write_for_farro(folder):
    arrays = {f"{dtype}.{kind}": pattern(dtype, shape) for dtype in NUMPY for kind, shape in SHAPES.items()}
    safetensors.numpy.save_file(arrays, folder / "python.safetensors", metadata={"from": "python"})
    for name, array in arrays.items():
        np.save(folder / f"python.{name}.npy", np.asfortranarray(array) if array.ndim == 2 else array)


def main():
    check(len(sys.argv) == 2, "usage: python_readers.py <program io_python_files>")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.argv[1], "write", name], check=True)
        check_safetensors(folder / "farro.safetensors")
        check_npy(folder)
        check_events(folder / "events")
        write_for_farro(folder)
        subprocess.run([sys.argv[1], "read", name], check=True)
    print("python_readers: all files read on both sides")


if __name__ == "__main__":
    main()
