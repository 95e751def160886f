"""Compiles a file, or takes its object from another build of the same sources: the compiler launcher of newop_test.py.

usage: reuse_object.py SPEC COMPILER ARGUMENT...

SPEC is a folder that newop_test.py writes: for every object of the other build a file with its path, its source and the
command that made it. An object is taken where source and command are the same but for the folders; headers are not looked at.
"""
import os
import sys


def objects_of(command, build, source):
    """The command with its folders' names left out, the build folder being within that of the sources, and without the
    precompiled headers that a build with a launcher does not have: they change no object."""
    kept = []
    for argument in command:
        if argument.endswith("/cmake_pch.hxx"):
            kept.pop()  # -include
        elif argument != "-Winvalid-pch":
            kept.append(argument.replace(build, "<build>").replace(source, "<source>"))
    return "\n".join(kept)


def key(output):
    return output.replace("/", "+")


def content(path):
    with open(path, "rb") as file:
        return file.read()


def taken(spec, command, output, source):
    try:
        with open(os.path.join(spec, key(output)), encoding="utf-8") as file:
            other, other_source, expected = file.read().split("\n", 2)
        with open(os.path.join(spec, "folders"), encoding="utf-8") as file:
            build, root = file.read().split("\n")
        if "/generated/" in source or objects_of(command, build, root) != expected:
            return False
        if content(source) != content(other_source):
            return False
        os.link(other, output)
    except OSError:
        return False
    if "-MF" in command:
        with open(command[command.index("-MF") + 1], "w", encoding="utf-8") as file:
            file.write(f"{output}: {source}\n")
    return True


def main():
    spec, command = sys.argv[1], sys.argv[2:]
    if "-c" in command and "-o" in command:
        output, source = command[command.index("-o") + 1], command[command.index("-c") + 1]
        # Never written to: it may be the other build's.
        if os.path.lexists(output):
            os.unlink(output)
        if taken(spec, command, output, source):
            return
        command.append("-O1")  # compiled fast rather than run fast
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
