"""tools/newop makes files that compile as they stand, and refuses names that cannot be or are taken.

usage: newop_test.py SOURCE_FOLDER INCLUDE_FOLDER COMPILER
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE, INCLUDE, COMPILER = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]


def newop(root, *arguments):
    return subprocess.run([sys.executable, root / "tools" / "newop", *arguments], capture_output=True, text=True,
                          check=False)


def check_refused(name, reason):
    result = newop(SOURCE, name)
    assert result.returncode != 0 and reason in result.stderr, (name, result)


def compile_only(file, folder, *flags):
    subprocess.run([COMPILER, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-psabi", "-I",
                    folder / "include", "-I", INCLUDE, *flags, file], check=True)


def main():
    check_refused("double", "NAME must not be a word of C++")
    check_refused("HardSwish", "NAME must be snake_case")
    check_refused("relu", "NAME must be new, got a name that")
    check_refused("softplus", "NAME must be new, got one with a file")
    with tempfile.TemporaryDirectory() as temporary:
        root = pathlib.Path(temporary)
        for folder in ("tools", "kernels/pointwise", "tests/ops/pointwise", "include"):
            (root / folder).mkdir(parents=True)
        (root / "include" / "farro").symlink_to(root)
        shutil.copy(SOURCE / "tools" / "newop", root / "tools")
        made = newop(root, "soft_cap")
        assert made.returncode == 0, made
        stem = root / "kernels" / "pointwise" / "soft_cap"
        assert len(list(root.rglob("soft_cap*"))) >= 6, made.stdout
        compile_only(stem.with_suffix(".op.cpp"), root)
        compile_only(stem.with_suffix(".cpu.cpp"), root, "-DFARRO_ISA=generic")
        compile_only(stem.with_suffix(".cu"), root, "-x", "c++", "-DFARRO_DEVICE_SIMT", "-I",
                     SOURCE / "core" / "simt_host")
        compile_only(root / "tests" / "ops" / "pointwise" / "soft_cap.samples.cpp", root)
        made = newop(root, "soft_sum", "--kind", "composite")
        assert made.returncode == 0 and len(list(root.rglob("soft_sum*"))) == 3, made
        compile_only(root / "kernels" / "pointwise" / "soft_sum.fn.cpp", root)
        compile_only(root / "tests" / "ops" / "pointwise" / "soft_sum.samples.cpp", root)
        made = newop(root, "soft_rows", "--kind", "op")
        assert made.returncode == 0 and len(list(root.rglob("soft_rows*"))) == 5, made
        for tail in (".op.cpp", ".host.cpp"):
            compile_only(root / "kernels" / "pointwise" / f"soft_rows{tail}", root)
        compile_only(root / "tests" / "ops" / "pointwise" / "soft_rows.samples.cpp", root)
        again = newop(root, "soft_cap")
        assert again.returncode != 0 and "got one with a file" in again.stderr, again
    print("newop: passed")


if __name__ == "__main__":
    main()
