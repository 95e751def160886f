"""tools/newmodule and tools/newoptimizer make files that compile as they stand, and refuse bad and taken names.

usage: newmodule_test.py SOURCE_FOLDER INCLUDE_FOLDER COMPILER
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE, INCLUDE, COMPILER = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
TOOLS = {
    "newmodule": ("Linear", "nn/layers", "tests/nn"),
    "newoptimizer": ("SGD", "optim/optimizers", "tests/optim"),
}


def run(root, tool, name):
    return subprocess.run([sys.executable, root / "tools" / tool, name], capture_output=True, text=True, check=False)


def check_refused(root, tool, name, reason):
    result = run(root, tool, name)
    assert result.returncode != 0 and reason in result.stderr, (tool, name, result)


def main():
    for tool, (taken, folder, tests) in TOOLS.items():
        check_refused(SOURCE, tool, "soft_cap", "NAME must be PascalCase")
        check_refused(SOURCE, tool, taken, "NAME must be new")
        with tempfile.TemporaryDirectory() as temporary:
            root = pathlib.Path(temporary)
            for new in ("tools", folder, tests, "include"):
                (root / new).mkdir(parents=True)
            (root / "include" / "farro").symlink_to(root)
            shutil.copy(SOURCE / "tools" / tool, root / "tools")
            made = run(root, tool, "SoftCap")
            assert made.returncode == 0, made
            for file in (root / folder / "soft_cap.cpp", root / tests / "soft_cap_test.cpp"):
                subprocess.run([COMPILER, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-psabi",
                                "-I", root / "include", "-I", INCLUDE, file], check=True)
            check_refused(root, tool, "SoftCap", "NAME must be new")
    print("newmodule, newoptimizer: passed")


if __name__ == "__main__":
    main()
