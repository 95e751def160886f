"""examples/fashion_mnist on the real images: short runs, resuming to the bit, and every kind of bad input."""
import gzip
import pathlib
import shutil
import signal
import subprocess
import time

from example_case import SVG_START, ExampleCase, main

DATA = pathlib.Path("/usr/share/datasets/fashion-mnist")
FILES = ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]
SHORT = ["--epochs", "1", "--batch-size", "64"]


class FashionMnist(ExampleCase):
    def copied_data(self):
        folder = self.folder / "data"
        folder.mkdir()
        for name in FILES:
            shutil.copy(DATA / name, folder)
        return folder

    def test_a_short_run_learns_and_leaves_its_records(self):
        run = self.folder / "run"
        done = self.train(*SHORT, "--max-steps", "150", "--out", run)
        self.assertNotIn("\r", done.stdout, "plain lines where the output is no terminal")
        steps = self.steps(run)
        self.assertEqual([record["step"] for record in steps], list(range(1, 151)))
        for key in ("loss", "lr", "images_per_s", "grad_norm", "digest"):
            self.assertIn(key, steps[0])
        self.assertLess(sum(s["loss"] for s in steps[-20:]) / 20, 1.0)
        epoch = [record for record in self.records(run) if "epoch" in record][-1]
        self.assertGreater(epoch["test_accuracy"], 0.6)
        self.assertRegex((run / "curves.svg").read_text(), SVG_START)
        self.assertTrue(list(run.glob("events.out.tfevents.*")))
        self.assertTrue((run / "model.safetensors").exists())

    def test_a_stopped_run_resumes_to_the_bit(self):
        self.check_resume(60, 25, *SHORT)

    def test_seeds_decide(self):
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            self.train(*SHORT, "--max-steps", "5", "--seed", seed, "--out", self.folder / name)
        digests = [self.steps(self.folder / name)[-1]["digest"] for name in "abc"]
        self.assertEqual(digests[0], digests[1])
        self.assertNotEqual(digests[0], digests[2])

    def test_a_signal_leaves_a_checkpoint(self):
        run = self.folder / "run"
        with subprocess.Popen([self.program, *SHORT, "--out", str(run)], stdout=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and not ((run / "metrics.jsonl").exists() and len(self.steps_so_far(run)) > 5):
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(60), 128 + signal.SIGTERM)
        done = len(self.steps(run))
        self.train(*SHORT, "--resume", run, "--max-steps", done + 3)
        self.assertEqual(len(self.steps(run)), done + 3)

    @staticmethod
    def steps_so_far(run):
        return (run / "metrics.jsonl").read_text().splitlines()

    def test_bad_options(self):
        self.assert_fails(2, r"--bogus", "--bogus")
        self.assert_fails(2, r"--epochs", "--epochs", "-3")
        self.assert_fails(1, r"device|cuda", "--device", "tpu")

    def test_bad_data(self):
        self.assert_fails(1, r"nowhere", "--data", self.folder / "nowhere")
        data = self.copied_data()
        images = data / FILES[0]
        whole = images.read_bytes()
        images.write_bytes(whole[: len(whole) // 2])
        self.assert_fails(1, r"train-images-idx3-ubyte.gz", "--data", data)
        images.write_bytes(gzip.compress(b"\x00\x00\x0d\x03" + bytes(12)))
        self.assert_fails(1, r"train-images-idx3-ubyte.gz.*(magic|IDX)", "--data", data)

    def test_bad_checkpoints_and_folders(self):
        self.assert_fails(1, r"checkpoint", "--resume", self.folder)
        other = self.folder / "other.safetensors"
        header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
        header += b" " * (-len(header) % 8)
        other.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
        self.assert_fails(1, r"other.safetensors", "--resume", other)
        run = self.folder / "run"
        self.train(*SHORT, "--max-steps", "1", "--out", run)
        self.assert_fails(1, r"must not hold a run", "--out", run)
        blocked = self.folder / "file"
        blocked.write_text("not a folder")
        self.assert_fails(1, r"file", "--out", blocked / "run")


if __name__ == "__main__":
    main()
