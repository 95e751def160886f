"""The code of docs/adding-an-op.md is that of the files in this folder, which newop_test.py builds and runs.

usage: docs_test.py [--write]     --write: brings the docs up to date

A block of code follows a line with the name of its file; the licence line is left out.
"""
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
DOCS = HERE.parents[1] / "docs" / "adding-an-op.md"
BLOCK = re.compile(r"^`([\w/.]+)`:\n\n```cpp\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def code_of(name):
    license_line, _, code = (HERE / name).read_text(encoding="utf-8").partition("\n")
    assert license_line.startswith("// SPDX"), name
    return code


def main():
    text = DOCS.read_text(encoding="utf-8")
    if sys.argv[1:] == ["--write"]:
        DOCS.write_text(BLOCK.sub(lambda block: f"`{block[1]}`:\n\n```cpp\n{code_of(block[1])}```", text), encoding="utf-8")
        return
    shown = {block[1]: block[2] for block in BLOCK.finditer(text)}
    assert text.count("```cpp\n") == len(shown), "a block of code without the name of its file, or with one twice"
    files = {str(path.relative_to(HERE)) for path in HERE.rglob("*") if path.suffix in (".h", ".cpp", ".cu")}
    assert files == set(shown), f"files and blocks must be the same, these differ: {sorted(files ^ set(shown))}"
    for name, code in shown.items():
        assert code == code_of(name), f"{name}: the docs show something else; tests/walkthrough/docs_test.py --write mends it"
    print(f"walkthrough: {len(shown)} blocks are the files' own")


if __name__ == "__main__":
    main()
