"""What the tests of example programs share: running one, and reading what it left behind."""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest


class ExampleCase(unittest.TestCase):
    program = None  # set by main() from the command line

    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.folder = pathlib.Path(self._folder.name)

    def run_program(self, *arguments):
        return subprocess.run([self.program, *map(str, arguments)], capture_output=True, text=True, check=False,
                              cwd=self.folder, stdin=subprocess.DEVNULL)

    def train(self, *arguments):
        done = self.run_program(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def assert_fails(self, code, pattern, *arguments):
        """The program ends with `code` and says why in one line that matches `pattern`; it leaves nothing behind."""
        before = sorted(self.folder.rglob("*"))
        done = self.run_program(*arguments)
        lines = done.stderr.strip().splitlines()
        self.assertEqual((done.returncode, len(lines)), (code, 1), f"stdout: {done.stdout}\nstderr: {done.stderr}")
        self.assertRegex(lines[0], pattern)
        self.assertEqual(sorted(self.folder.rglob("*")), before, "files were left behind")

    @staticmethod
    def records(run):
        return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]

    def steps(self, run):
        return [record for record in self.records(run) if "loss" in record]

    def check_resume(self, total, part, *arguments):
        """A run that was stopped after `part` steps and resumed ends exactly like one that was not stopped."""
        whole, stopped = self.folder / "whole", self.folder / "stopped"
        self.train(*arguments, "--out", whole, "--max-steps", total)
        self.train(*arguments, "--out", stopped, "--max-steps", part)
        self.assertEqual(len(self.steps(stopped)), part)
        self.train(*arguments, "--resume", stopped, "--max-steps", total)
        expected, got = ([(s["step"], s["loss"], s["digest"]) for s in self.steps(run)] for run in (whole, stopped))
        self.assertEqual([s[0] for s in got], list(range(1, total + 1)))
        self.assertEqual(got, expected)


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: TEST PROGRAM [unittest arguments]")
    ExampleCase.program = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(module="__main__")


SVG_START = re.compile(r"\A\s*(<\?xml[^>]*\?>\s*)?<svg ")
