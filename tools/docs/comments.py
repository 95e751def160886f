#!/usr/bin/env python3
"""Doxygen's input filter: prints a header with its comments in the form that Doxygen reads.

usage: comments.py HEADER

The headers have plain comments. A block in front of a declaration becomes ///, a comment behind one becomes ///<, the opening
comment becomes the file's. Lines stay where they are, so that warnings name the right one.
"""
import pathlib
import re
import sys

COMMENT = re.compile(r"^(\s*)//(?!/)(.*)$")
# A comment behind code: not within a string, which no declaration with a comment has.
TRAILING = re.compile(r"^(\s*[^\s/\"'][^\"']*?[;,{}])\s*// ?(.*)$")
# What is no declaration, so that a comment in front of it belongs to nothing.
NO_DECLARATION = re.compile(r"^\s*($|#|}|public:|private:|protected:|namespace\b)")
SECTION = re.compile(r"^\s*-{3}")


def escaped(text):
    """Comments are text: what Doxygen takes for a command or a tag is not, except in `code`, which it leaves alone."""
    if text.startswith("    "):
        return text
    parts = text.split("`")
    return "`".join(part if i % 2 else re.sub(r"([\\@<>#%&]|(?<!\w)::)", r"\\\1", part) for i, part in enumerate(parts))


def filtered(lines):
    out = list(lines)
    begin = 0
    while begin < len(lines):
        match = COMMENT.match(lines[begin])
        if not match:
            match = TRAILING.match(lines[begin])
            if match:
                out[begin] = f"{match[1]}  ///< {escaped(match[2])}"
            begin += 1
            continue
        end = begin
        while end < len(lines) and COMMENT.match(lines[end]):
            end += 1
        opening = begin == 0
        declares = end < len(lines) and not NO_DECLARATION.match(lines[end])
        if opening or (declares and not SECTION.match(match[2])):
            for i in range(begin, end):
                indent, text = COMMENT.match(lines[i]).groups()
                out[i] = f"{indent}///{escaped(text)}"
            if opening:
                out[0] = "/// \\file"  # in the place of the licence
        begin = end
    return out


def main():
    print("\n".join(filtered(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8").splitlines())))


if __name__ == "__main__":
    main()
