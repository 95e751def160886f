"""examples/char_lm in a short form: it learns, resumes to the bit, prints a sample, and refuses bad input."""
import os
import shutil
import subprocess
import time

from example_case import SVG_START, ExampleCase, main

SMALL = ["--width", "32", "--layers", "2", "--heads", "2", "--block-size", "32", "--batch-size", "16"]
TINY = ["--width", "32", "--layers", "1", "--heads", "2", "--block-size", "16", "--batch-size", "16"]


class CharLm(ExampleCase):
    # These networks are so small that threads would mostly wait for each other.
    environment = {"OMP_NUM_THREADS": "1"}

    def text(self, name, content):
        path = self.folder / name
        path.write_text(content)
        return path

    def test_a_short_run_learns_and_prints_a_sample(self):
        run = self.folder / "run"
        done = self.train(*SMALL, "--epochs", "1", "--sample", "80", "--out", run)
        losses = [record["loss"] for record in self.steps(run)]
        self.assertLess(sum(losses[-10:]), 0.8 * sum(losses[:10]))
        sample = done.stdout.split("--- a sample\n")[1].rsplit("\n---", 1)[0]
        self.assertEqual(len(sample.encode()), 81)
        epochs = [record for record in self.records(run) if "epoch" in record]
        self.assertEqual([(e["epoch"], e["step"]) for e in epochs], [(1, len(losses))])
        self.assertLess(abs(epochs[0]["test_loss"] - losses[-1]), 1)
        curves = (run / "curves.svg").read_text()
        self.assertRegex(curves, SVG_START)
        self.assertNotIn("Accuracy", curves)

    def test_a_stopped_run_resumes_to_the_bit(self):
        text = self.text("text", "".join(f"{i} times {i} is {i * i}\n" for i in range(500)))
        batches = self.steps_of_an_epoch(text)
        records = self.check_resume(2 * batches + 5, [7, batches, batches + 3, 2 * batches], TINY, "--data", text)
        self.assertEqual([record["epoch"] for record in records if "epoch" in record], [1, 2])

    def test_a_run_in_bf16_resumes_to_the_bit_and_differs_from_f32(self):
        text = self.text("text", "abcdefgh" * 100)
        self.check_resume(6, [3], [*TINY, "--autocast", "bf16"], "--data", text)
        self.train(*TINY, "--data", text, "--max-steps", "6", "--out", self.folder / "f32")
        self.assertNotEqual(self.steps(self.folder / "f32")[-1]["digest"], self.steps(self.folder / "whole")[-1]["digest"])
        self.assert_fails(1, r"--autocast must be left out or be what the run began with, bf16, got none$",
                          "--data", text, "--resume", self.folder / "whole", "--autocast", "none")
        self.assert_fails(2, r"--autocast: must be none, bf16 or f16, got 'f32'", "--autocast", "f32")

    def steps_of_an_epoch(self, text):
        run = self.folder / "epoch"
        self.train(*TINY, "--data", text, "--epochs", "1", "--sample", "0", "--out", run)
        return len(self.steps(run))

    def test_a_text_without_newlines(self):
        text = self.text("text", "abcdefgh" * 50)
        for data in ([text], ["--data", text]):
            done = self.train(*TINY, *data, "--epochs", "1", "--sample", "20")
            sample = done.stdout.split("--- a sample\n")[1].rsplit("\n---", 1)[0]
            self.assertRegex(sample, r"\Aa[a-h]{20}\Z")

    def test_another_text_is_refused(self):
        run = self.folder / "run"
        text = self.text("text", "abcdefgh" * 50)
        self.train(*TINY, "--data", text, "--max-steps", "2", "--out", run)
        self.assert_fails(1, r"resume: vocabulary must be the one that the run of '.*' began with, got another",
                          "--resume", run, "--data", self.text("same size", "bcdefghi" * 50))
        self.assert_fails(1, r"resume: text must be the one that the run of '.*' began with, got another",
                          "--resume", run, "--data", self.text("same bytes", "hgfedcba" * 50))

    def test_going_back_removes_later_checkpoints(self):
        run = self.folder / "run"
        self.train(*TINY, "--max-steps", "40", "--checkpoint-every", "10", "--out", run)
        checkpoints = run / "checkpoints"
        self.train("--resume", checkpoints / "step-0000000020.safetensors", "--max-steps", "22", "--checkpoint-every", "1")
        self.assertEqual([int(file.stem[5:]) for file in sorted(checkpoints.iterdir())], [20, 21, 22])
        self.train("--resume", run, "--max-steps", "23")
        self.assertEqual([record["step"] for record in self.steps(run)], list(range(1, 24)))

    def test_where_a_resumed_run_goes(self):
        run, other = self.folder / "run", self.folder / "other"
        for folder in (run, other):
            self.train(*TINY, "--max-steps", "3", "--out", folder)
        before = (other / "metrics.jsonl").read_text()
        self.assert_fails(1, r"out: folder must not hold a run already", "--resume", run, "--out", other)
        self.assertEqual((other / "metrics.jsonl").read_text(), before)
        file = "step-0000000003.safetensors"
        # Relative paths, from inside the run's folder.
        self.train("--resume", "checkpoints/" + file, "--max-steps", "4", cwd=run)
        self.train("--resume", "step-0000000004.safetensors", "--max-steps", "5", "--out", "..", cwd=run / "checkpoints")
        self.assertEqual(len(self.steps(run)), 5)
        # A checkpoint on its own begins a new run.
        shutil.copy(other / "checkpoints" / file, self.folder / "mine.safetensors")
        self.train("--resume", "mine.safetensors", "--max-steps", "4")
        self.assertEqual([record["step"] for record in self.steps(self.folder / "runs" / "char_lm" / "1")], [4])
        self.train("--resume", run, "--out", self.folder / "new", "--max-steps", "6")
        self.assertEqual([record["step"] for record in self.steps(self.folder / "new")], [6])

    def test_options_that_shape_a_run_stay(self):
        run = self.folder / "run"
        self.train(*TINY, "--lr", "0.01", "--max-steps", "3", "--out", run)
        for flag, value, kept in (("--epochs", "3", "10"), ("--lr", "0.02", "0.01"), ("--batch-size", "8", "16"),
                                  ("--seed", "2", "1"), ("--width", "64", "32"), ("--autocast", "bf16", "none")):
            self.assert_fails(1, rf"'{run}/.*': {flag} must be left out or be what the run began with, {kept}, got {value}$",
                              "--resume", run, flag, value)
        self.train("--resume", run, "--max-steps", "4", "--lr", "0.01", "--epochs", "10")

    def test_weights_are_no_checkpoint(self):
        run = self.folder / "run"
        self.train(*TINY, "--max-steps", "1", "--out", run)
        self.assert_fails(1, r"resume: file must be a checkpoint of a run, got '.*/model.safetensors' with weights alone",
                          "--resume", run / "model.safetensors")

    def test_runs_that_start_together_get_folders_of_their_own(self):
        runs = [subprocess.Popen([self.program, *TINY, "--max-steps", "1"], cwd=self.folder,
                                 env=os.environ | self.environment, stdout=subprocess.DEVNULL) for _ in range(6)]
        self.assertEqual([run.wait(60) for run in runs], [0] * 6)
        for number in range(1, 7):
            self.assertEqual(len(self.steps(self.folder / "runs" / "char_lm" / str(number))), 1)

    def start(self, *arguments):
        return subprocess.Popen([self.program, *map(str, arguments)], cwd=self.folder, env=os.environ | self.environment,
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def check_alone(self, run, *arguments):
        """Of four programs started at once on one folder one runs, the others say why they do not."""
        runs = [self.start(*arguments) for _ in range(4)]
        errors = [one.communicate(timeout=120)[1] for one in runs]
        self.assertEqual(sorted(one.returncode for one in runs), [0, 1, 1, 1], errors)
        for error in filter(None, errors):
            self.assertRegex(error, r"in use by another run|must not hold a run already")
        steps = [record["step"] for record in self.steps(run)]
        self.assertEqual(steps, list(range(1, len(steps) + 1)))

    def test_one_run_in_a_folder(self):
        run = self.folder / "run"
        self.check_alone(run, *TINY, "--out", run, "--max-steps", "60")

    def test_a_run_at_work_keeps_others_out_until_it_is_killed(self):
        run = self.folder / "run"
        first = self.start(*TINY, "--epochs", "100000", "--checkpoint-every", "5", "--out", run)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not list(run.glob("checkpoints/step-*")):
            time.sleep(0.02)
        for arguments in (("--resume", run), ("--out", run), ("--resume", next(run.glob("checkpoints/step-*")))):
            done = self.run_program(*arguments)
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, r"\Achar_lm: IoError: could not lock the folder '.*': it is in use by another run\n\Z")
        first.kill()
        first.communicate()
        done = len(self.steps(run))
        self.train("--resume", run, "--max-steps", done + 5)
        self.assertEqual([record["step"] for record in self.steps(run)], list(range(1, done + 6)))

    def test_a_file_size_limit_is_an_error(self):
        run = self.folder / "run"
        command = f'ulimit -f 3; exec "{self.program}" {" ".join(TINY)} --max-steps 5 --out "{run}"'
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, cwd=self.folder,
                              env=os.environ | self.environment)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, r"\Achar_lm: IoError: could not write '.*': File too large \(error 27\)\n\Z")
        self.assertEqual([file for file in run.rglob("*") if ".farro-tmp" in file.name], [])

    def test_usage_errors_are_readable(self):
        for flag in ("--lr",):
            for value in ("abc", "0", "-1", "nan", "inf", "1e999", "1e-999", "", "1x", "0x1p3"):
                self.assert_fails(2, rf"\Achar_lm: {flag}: must be a positive number, got '{value}' \(see --help\)\Z", flag, value)
        for value in ("abc", "0", "-1", "nan", "inf", "1e999", ""):
            self.assert_fails(2, rf"--temperature: must be a number from 0.001 to 1000, got '{value}'", "--temperature", value)
        for flag, low in (("--epochs", 1), ("--batch-size", 1), ("--width", 1), ("--heads", 1), ("--layers", 1),
                          ("--block-size", 1), ("--sample", 0), ("--threads", 0), ("--seed", 0), ("--max-steps", 0),
                          ("--checkpoint-every", 0)):
            for value in ("abc", str(low - 1), "nan", "inf", "1.5", "1e3", str(10**30), "", "0x10"):
                self.assert_fails(2, rf"\Achar_lm: {flag}: must be a whole number from {low} to \d+, got '{value}' \(see --help\)\Z",
                                  flag, value)
        for flag in ("--out", "--resume", "--data"):
            self.assert_fails(2, rf"{flag}: must be a path, got ''", flag, "")
        self.assert_fails(1, r"--heads: must divide --width, 30, got 4 heads", "--width", "30", "--heads", "4")

    def test_a_number_is_decimal(self):
        text = self.text("text", "abcdefgh" * 50)
        self.train(*TINY, "--data", text, "--max-steps", "010", "--out", self.folder / "run")
        self.assertEqual(len(self.steps(self.folder / "run")), 10)

    def test_bad_input(self):
        self.assert_fails(1, r"nowhere\.txt", self.folder / "nowhere.txt")
        short = self.text("short.txt", "too short")
        self.assert_fails(1, r"--data: text must have at least 130 bytes, twice --block-size and 2, got 9", "--data", short)
        self.assert_fails(1, r"heads", "--width", "30", "--heads", "4")
        self.assert_fails(2, r"--layers", "--layers", "0")


if __name__ == "__main__":
    main()
