"""What the tests of example programs share: running one, and reading what it left behind."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest


class ExampleCase(unittest.TestCase):
    program = None  # set by main() from the command line
    environment = {}  # of the programs, beside that of the test

    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.folder = pathlib.Path(self._folder.name)

    def run_program(self, *arguments, cwd=None, **environment):
        return subprocess.run([self.program, *map(str, arguments)], capture_output=True, text=True, check=False,
                              cwd=cwd or self.folder, stdin=subprocess.DEVNULL, env=os.environ | self.environment | environment)

    def train(self, *arguments, **environment):
        done = self.run_program(*arguments, **environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def assert_fails(self, code, pattern, *arguments, **environment):
        """The program ends with `code` and says why in one line that matches `pattern`; it leaves nothing behind."""
        before = sorted(self.folder.rglob("*"))
        done = self.run_program(*arguments, **environment)
        lines = done.stderr.strip().splitlines()
        self.assertEqual((done.returncode, len(lines)), (code, 1), f"stdout: {done.stdout}\nstderr: {done.stderr}")
        self.assertRegex(lines[0], pattern)
        self.assertEqual(sorted(self.folder.rglob("*")), before, "files were left behind")

    @staticmethod
    def records(run):
        return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]

    def steps(self, run):
        return [record for record in self.records(run) if "loss" in record]

    def check_resume(self, total, stops, kept, *others):
        """A run that was stopped after each of `stops` steps and resumed ends exactly like one that was not stopped. Of its
        options only `others` are given again: a checkpoint keeps the rest."""
        whole, stopped = self.folder / "whole", self.folder / "stopped"
        self.train(*kept, *others, "--out", whole, "--max-steps", total)
        self.train(*kept, *others, "--out", stopped, "--max-steps", stops[0])
        for stop in [*stops[1:], total]:
            done = self.train(*others, "--resume", stopped, "--max-steps", stop)
            self.assertNotIn("nan", done.stdout)
        expected, got = ([{key: record[key] for key in record if not key.endswith("_per_s")} for record in self.records(run)]
                         for run in (whole, stopped))
        self.assertEqual([record["step"] for record in got if "loss" in record], list(range(1, total + 1)))
        self.assertEqual(got, expected)
        self.assertEqual((whole / "model.safetensors").read_bytes(), (stopped / "model.safetensors").read_bytes())
        return got


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: TEST PROGRAM [unittest arguments]")
    ExampleCase.program = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(module="__main__")


SVG_START = re.compile(r"\A\s*(<\?xml[^>]*\?>\s*)?<svg ")
