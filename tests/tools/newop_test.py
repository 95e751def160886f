"""What tools/newop writes, and the walk-through of docs/adding-an-op.md, in a copy of the tree: all of it is built and opcheck
passes for it, on the CPU and on the host runtime, while no file of the tree changes.

usage: newop_test.py SOURCE_FOLDER BUILD_FOLDER COMPILER

Objects of files that the copy shares with the tree are taken from BUILD_FOLDER (reuse_object.py). With FARRO_TEST_FULL=1, and
where there is nvcc, the device files are also compiled by it.
"""
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
import reuse_object  # noqa: E402

SOURCE, BUILD, COMPILER = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
HERE = pathlib.Path(__file__).resolve().parent
# Beside the objects, which are linked into it, and not copied.
WORK = BUILD / "tests" / "tools" / "newop"
TREE = WORK / "tree"
WALKTHROUGH = SOURCE / "tests" / "walkthrough"
CUDA = pathlib.Path(os.environ.get("CUDA_PATH", "/usr/local/cuda"))

# Operations by their arguments for newop: every kind, short and long names, and variants of ops old and new.
MADE = [
    ["soft_cap", "--with-backward"],
    ["rms2", "--kind", "reduction"],
    ["squares_of_the_distance", "--kind", "reduction", "--with-backward"],
    ["row2", "--kind", "op", "--family", "norm"],
    ["rows_by_another_method", "--kind", "op", "--family", "softmax", "--with-backward"],
    ["soft_sum", "--kind", "composite"],
    ["row2", "--variant", "lanes", "--suffix", "cpu"],
    ["row2", "--variant", "library", "--suffix", "host"],
    ["row2", "--variant", "vectors", "--suffix", "cu"],
    ["row2", "--variant", "clusters", "--suffix", "sm90"],
    ["row2", "--variant", "graph", "--suffix", "cudnn"],
    ["row2", "--variant", "product", "--suffix", "cublaslt"],
    ["any", "--variant", "halves", "--suffix", "cu"],
]
REFUSED = [
    (["double"], "NAME must not be a word of C++"),
    (["HardSwish"], "NAME must be snake_case"),
    (["relu"], "NAME must be new, got a name that"),
    (["softplus"], "NAME must be new, got one with a file"),
    (["new_op", "--family", "pointwize"], "--family must be a folder under kernels/"),
    (["new_op", "--kind", "composite", "--with-backward"], "--with-backward must come with"),
    (["new_op", "--variant", "fast", "--suffix", "cu"], "NAME must be an op with a struct of its own"),
    (["sum", "--variant", "fast"], "--variant and --suffix must be given together"),
    (["sum", "--variant", "Fast", "--suffix", "cu"], "--variant must be snake_case"),
    (["conv", "--variant", "onednn", "--suffix", "host"], "--variant must be new"),
]


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        sys.exit(f"{command}\n{done.stdout[-8000:]}{done.stderr[-8000:]}")
    return done.stdout


def newop(root, arguments):
    return subprocess.run([sys.executable, root / "tools" / "newop", *arguments], capture_output=True, text=True, check=False)


def copy_tree():
    shutil.rmtree(WORK, ignore_errors=True)
    shutil.copytree(SOURCE, TREE, ignore=shutil.ignore_patterns("build", ".git", "runs", "__pycache__", ".cache"))


def make_everything():
    """Returns the names of the new files."""
    before = {path: path.read_bytes() for path in TREE.rglob("*") if path.is_file()}
    for arguments in MADE:
        made = newop(TREE, arguments)
        assert made.returncode == 0, (arguments, made.stderr)
    for path in WALKTHROUGH.rglob("*"):
        if path.suffix in (".h", ".cpp", ".cu"):
            shutil.copy(path, TREE / path.relative_to(WALKTHROUGH))
    again = newop(TREE, MADE[0])
    assert again.returncode != 0 and "got one with a file" in again.stderr, again
    for path, content in before.items():
        assert path.read_bytes() == content, f"{path} changed"
    return sorted(path.relative_to(TREE) for path in TREE.rglob("*") if path.is_file() and path not in before)


def check_style(files):
    # Without git, by which lint would see the tree that the copy lies in.
    listing = run(sys.executable, TREE / "tools" / "lint" / "check.py", env={**os.environ, "GIT_DIR": os.devnull})
    assert int(re.search(r"lint: (\d+) files, 0 problems", listing)[1]) > 300, listing
    # Of the release that tools/lint/format.py means, where it is there: others lay out in another way.
    for formatter in (shutil.which("clang-format"), SOURCE / "build" / "clang-format" / "bin" / "clang-format"):
        if formatter and pathlib.Path(formatter).exists() and " version 18.1." in run(formatter, "--version"):
            run(formatter, "--dry-run", "-Werror", *files, cwd=TREE)
            return


def write_spec():
    """What reuse_object.py needs to know of the other build's objects."""
    spec = WORK / "spec"
    spec.mkdir()
    (spec / "folders").write_text(f"{TREE / 'build'}\n{TREE}", encoding="utf-8")
    for entry in json.loads(run("ninja", "-C", BUILD, "-t", "compdb")):
        command = shlex.split(entry["command"])
        if "-c" not in command or COMPILER not in command:
            continue
        command = command[command.index(COMPILER):]
        objects = reuse_object.objects_of(command, str(BUILD), str(SOURCE))
        (spec / reuse_object.key(entry["output"])).write_text(
            f"{BUILD / entry['output']}\n{entry['file']}\n{objects}", encoding="utf-8")
    return spec


def build():
    launcher = [sys.executable, "-I", "-S", HERE / "reuse_object.py", write_spec()]
    cache = (BUILD / "CMakeCache.txt").read_text(encoding="utf-8")
    same = [f"-D{line}" for line in re.findall(r"^CMAKE_(?:BUILD_TYPE|CXX_FLAGS):STRING=.*", cache, re.MULTILINE)]
    # One instruction set: what is made for the others is the same text.
    run("cmake", "-S", TREE, "-B", TREE / "build", "-G", "Ninja", *same, f"-DCMAKE_CXX_COMPILER={COMPILER}",
        "-DBUILD_SHARED_LIBS=ON", "-DFARRO_BUILD_TESTS=ON", "-DFARRO_BUILD_EXAMPLES=OFF", "-DFARRO_BUILD_TOOLS=OFF",
        "-DFARRO_CPU_ISAS=generic", f"-DFARRO_CCACHE={';'.join(str(part) for part in launcher)}")
    run("ninja", "-C", TREE / "build", "farro_simt", "opcheck_tests", "kernel_tests")


def check_ops():
    """Runs opcheck for what is new; returns what it printed for each setting."""
    ops = {arguments[0] for arguments in MADE} | {"row_dot"}
    patterns = ":".join(f"*/{op}:*/{op}_backward" for op in sorted(ops))
    program = TREE / "build" / "bin" / "opcheck_tests"
    printed = {}
    for settings in ("", "FARRO_CUDA=simt", "FARRO_CUDA=simt FARRO_SIMT_SCHEDULE=adversarial:1"):
        environment = {**os.environ, **dict(pair.split("=") for pair in settings.split())}
        printed[settings] = run(program, f"--gtest_filter={patterns}:Completeness.*", env=environment)
        for op in ops:
            assert f"MatchTheReference/{op}" in printed[settings], f"{op} was not tested"
    run(TREE / "build" / "bin" / "kernel_tests", "--gtest_filter=RowDot.*", env={**os.environ, "FARRO_CUDA": "simt"})
    run(program, "--gtest_filter=Values.*/row_dot", env={**os.environ, "FARRO_CUDA": "simt", "FARRO_VARIANT_ROW_DOT": "warp"})
    return printed


def check_what_docs_quote(printed):
    """Lines of the docs that opcheck prints: in a block that begins with the command."""
    docs = (SOURCE / "docs" / "adding-an-op.md").read_text(encoding="utf-8")
    quoted = re.findall(r"^    (row_dot: .* calls are not for .*)$", docs, re.MULTILINE)
    assert quoted, "docs/adding-an-op.md must show what opcheck prints about variants"
    for line in quoted:
        assert line in printed["FARRO_CUDA=simt"], f"docs/adding-an-op.md: opcheck does not print '{line}'"


def check_device_files(files):
    """By nvcc, for Hopper, as core/cuda builds them."""
    nvcc = os.environ.get("CUDACXX") or shutil.which("nvcc") or CUDA / "bin" / "nvcc"
    if not pathlib.Path(nvcc).exists():
        return "no nvcc"
    run("cmake", "-S", TREE, "-B", TREE / "build-cuda", "-G", "Ninja", f"-DCMAKE_CXX_COMPILER={COMPILER}", "-DBUILD_SHARED_LIBS=ON",
        "-DCMAKE_BUILD_TYPE=Release", "-DFARRO_BUILD_TESTS=OFF", "-DFARRO_BUILD_EXAMPLES=OFF", "-DFARRO_BUILD_TOOLS=OFF",
        "-DFARRO_SIMT=OFF", "-DFARRO_CPU_ISAS=generic", "-DFARRO_CUDA=ON", f"-DCMAKE_CUDA_COMPILER={nvcc}",
        "-DCMAKE_CUDA_ARCHITECTURES=90a-real")
    device = [path for path in files if re.search(r"\.(cu|cudnn\.cpp|cublaslt\.cpp)$", path.name)]
    targets = [f"core/cuda/CMakeFiles/farro_cuda_{'sm90' if '.sm90.' in path.name else 'objects'}.dir/__/__/{path}.o" for path in device]
    run("ninja", "-C", TREE / "build-cuda", *targets)
    return f"{len(device)} files compiled by nvcc"


def main():
    for arguments, reason in REFUSED:
        result = newop(SOURCE, arguments)
        assert result.returncode != 0 and reason in result.stderr, (arguments, result)
    copy_tree()
    files = make_everything()
    check_style(files)
    build()
    check_what_docs_quote(check_ops())
    device = check_device_files(files) if os.environ.get("FARRO_TEST_FULL") else "not asked of nvcc"
    shutil.rmtree(WORK)
    print(f"newop: {len(files)} files, {device}: passed")


if __name__ == "__main__":
    main()
