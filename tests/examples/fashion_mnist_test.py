"""examples/fashion_mnist on the real images: short runs, resuming to the bit, and every kind of bad input."""
import gzip
import pathlib
import re
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

    def small_data(self, name="small", train=9600, test=1000):
        """The first so many images of each set."""
        folder = self.folder / name
        folder.mkdir()
        for file, count in zip(FILES, (train, train, test, test)):
            whole = gzip.decompress((DATA / file).read_bytes())
            header, item = (16, 784) if "idx3" in file else (8, 1)
            self.put(folder / file, whole[:4] + count.to_bytes(4, "big") + whole[8 : header + count * item])
        return folder

    @staticmethod
    def put(path, content):
        path.write_bytes(gzip.compress(content, 1))

    def test_a_short_run_learns_and_leaves_its_records(self):
        run = self.folder / "run"
        done = self.train(*SHORT, "--data", self.small_data(), "--out", run)
        self.assertNotIn("\r", done.stdout, "plain lines where the output is no terminal")
        steps = self.steps(run)
        self.assertEqual([record["step"] for record in steps], list(range(1, 151)))
        for key in ("loss", "lr", "images_per_s", "grad_norm", "digest"):
            self.assertIn(key, steps[0])
        self.assertLess(sum(s["loss"] for s in steps[-20:]) / 20, 1.0)
        epochs = [record for record in self.records(run) if "epoch" in record]
        self.assertEqual([(epoch["epoch"], epoch["step"]) for epoch in epochs], [(1, 150)])
        self.assertGreater(epochs[0]["test_accuracy"], 0.6)
        self.assertRegex((run / "curves.svg").read_text(), SVG_START)
        self.assertTrue(list(run.glob("events.out.tfevents.*")))
        self.assertTrue((run / "model.safetensors").exists())

    def test_a_stopped_run_resumes_to_the_bit(self):
        data = self.small_data(train=640)  # 10 steps an epoch
        # The stops: inside an epoch, at the end of one, and again inside; the whole ends inside one.
        records = self.check_resume(25, [4, 10, 13], ["--epochs", "4", "--seed", "3"], "--data", data, "--checkpoint-every", 5)
        self.assertEqual([(r["epoch"], r["step"]) for r in records if "epoch" in r], [(1, 10), (2, 20)])

    def test_a_resumed_epoch_shows_the_rate_of_what_it_did(self):
        data, run = self.small_data(train=6400), self.folder / "run"
        self.train(*SHORT, "--data", data, "--max-steps", "99", "--out", run)
        done = self.train("--data", data, "--resume", run)
        rate, seconds = re.search(r" ([\d,]+) images/s  in ([\d.]+) s", done.stdout).groups()
        # One batch of 64 images; the seconds shown are rounded to 0.1.
        self.assertLess(float(rate.replace(",", "")) * (float(seconds) - 0.05), 64)

    def test_seeds_decide(self):
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            self.train(*SHORT, "--max-steps", "5", "--seed", seed, "--out", self.folder / name)
        digests = [self.steps(self.folder / name)[-1]["digest"] for name in "abc"]
        self.assertEqual(digests[0], digests[1])
        self.assertNotEqual(digests[0], digests[2])

    def test_digests_are_written_as_often_as_asked(self):
        self.train(*SHORT, "--max-steps", "5", "--digest-every", "2", "--out", self.folder / "d")
        self.assertEqual(["digest" in step for step in self.steps(self.folder / "d")], [False, True, False, True, False])

    def test_a_signal_leaves_a_checkpoint(self):
        run = self.folder / "run"
        with subprocess.Popen([self.program, *SHORT, "--out", str(run)], stdout=subprocess.DEVNULL) as process:
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and not ((run / "metrics.jsonl").exists() and len(self.steps_so_far(run)) > 5):
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(60), 128 + signal.SIGTERM)
        done = len(self.steps(run))
        self.assertEqual(len(self.records(run)), done, "an epoch that was not finished has no record")
        self.train(*SHORT, "--resume", run, "--max-steps", done + 3)
        self.assertEqual(len(self.steps(run)), done + 3)

    @staticmethod
    def steps_so_far(run):
        return (run / "metrics.jsonl").read_text().splitlines()

    def test_bad_options(self):
        self.assert_fails(2, r"--bogus", "--bogus")
        self.assert_fails(2, r"--epochs", "--epochs", "-3")
        for device in ("tpu", "meta", "cuda:", "cuda:-1", "cuda:1x"):
            self.assert_fails(2, rf"--device: must be auto, cpu or cuda:N, got '{device}'", "--device", device)
        self.assert_fails(1, r"DeviceError: device: must be one of the \d usable CUDA devices, got cuda:99", "--device", "cuda:99")
        self.assert_fails(2, r"--threads", "--threads", "1000000")
        self.assert_fails(2, r"--autocast: must be none, bf16 or f16, got 'f32'", "--autocast", "f32")
        self.assert_fails(2, r"--epochs", "--epochs", str(2**63 - 1))
        for seed in ("-1", str(10**20)):
            self.assert_fails(2, rf"--seed: must be a whole number from 0 to {2**63 - 2}, got '{seed}'", "--seed", seed)
        self.assert_fails(1, r"IoError: could not examine 'x+/metrics.jsonl'", "--out", 300 * "x")
        (self.folder / "loop").symlink_to("loop")
        self.assert_fails(1, r"IoError: could not examine 'loop/metrics.jsonl'", "--out", "loop")
        self.assert_fails(1, r"IoError: could not open 'x+'", "--resume", 300 * "x")

    def test_other_data_is_refused(self):
        data, run = self.small_data(train=128, test=10), self.folder / "run"
        self.train(*SHORT, "--data", data, "--max-steps", "1", "--out", run)
        for name in FILES:
            before = (data / name).read_bytes()
            content = bytearray(gzip.decompress(before))
            content[-1] = (content[-1] + 1) % 10
            self.put(data / name, bytes(content))
            self.assert_fails(1, r"resume: data must be the one that the run of '.*' began with, got another",
                              "--data", data, "--resume", run)
            (data / name).write_bytes(before)
        self.train("--data", data, "--resume", run, "--max-steps", "2")

    def test_another_precision_is_refused(self):
        data, run = self.small_data(train=256, test=10), self.folder / "run"
        self.train(*SHORT, "--data", data, "--max-steps", "1", "--autocast", "bf16", "--out", run)
        for other in ("none", "f16"):
            self.assert_fails(1, rf"'{run}/.*': --autocast must be left out or be what the run began with, bf16, got {other}$",
                              "--data", data, "--resume", run, "--autocast", other)
        plain = self.folder / "plain"
        self.train(*SHORT, "--data", data, "--max-steps", "1", "--out", plain)
        self.assert_fails(1, r"--autocast must be left out or be what the run began with, none, got bf16$",
                          "--data", data, "--resume", plain, "--autocast", "bf16")

    def test_a_run_in_bf16_resumes_to_the_bit(self):
        self.check_resume(4, [2], [*SHORT, "--autocast", "bf16"], "--data", self.small_data(train=256, test=10))

    def test_a_device_without_kernels(self):
        simt = pathlib.Path(self.program).parents[1] / "lib" / "libfarro_simt.so"
        if not simt.exists():
            self.skipTest("no host SIMT backend in this build")
        self.assert_fails(1, r"device: cuda:0 must have kernels for the whole network, got: conv: .* in Net.conv1",
                          "--device", "cuda", FARRO_CUDA="simt")
        done = self.train(*SHORT, "--max-steps", "1", "--threads", "1", FARRO_CUDA="simt")
        self.assertRegex(done.stdout, r"\Ausing the CPU, because cuda:0 lacks a kernel: conv: .*\n.* on cpu")

    def test_bad_data(self):
        self.assert_fails(1, r"nowhere", "--data", self.folder / "nowhere")
        data = self.copied_data()
        images = data / FILES[0]
        whole = images.read_bytes()
        images.write_bytes(whole[: len(whole) // 2])
        self.assert_fails(1, r"train-images-idx3-ubyte.gz", "--data", data)
        images.write_bytes(gzip.compress(b"\x00\x00\x0d\x03" + bytes(12)))
        self.assert_fails(1, r"train-images-idx3-ubyte.gz.*(magic|IDX)", "--data", data)

    def test_data_that_does_not_fit_the_network(self):
        data = self.small_data(train=10, test=10)
        images, labels = data / FILES[0], data / FILES[1]
        images_before, labels_before = images.read_bytes(), labels.read_bytes()

        def idx(*sizes, content=b""):
            return bytes([0, 0, 8, len(sizes)]) + b"".join(size.to_bytes(4, "big") for size in sizes) + content

        self.put(images, idx(10, 32, 32, content=bytes(10 * 32 * 32)))
        self.assert_fails(1, r"--data: training images must have 28 x 28 pixels, got 32 x 32", "--data", data)
        images.write_bytes(images_before)
        self.put(labels, idx(10, content=bytes([25] + 9 * [0])))
        self.assert_fails(1, r"--data: training labels must be in \[0, 10\), got 25", "--data", data)
        self.put(images, idx(0, 28, 28))
        self.put(labels, idx(0))
        self.assert_fails(1, r"--data: training set must have images, got none", "--data", data)
        images.write_bytes(images_before)
        labels.write_bytes(labels_before)
        self.put(data / FILES[3], idx(10, content=bytes([25] + 9 * [0])))
        self.assert_fails(1, r"--data: test labels must be in \[0, 10\), got 25", "--data", data)

    def test_a_folder_without_a_step_is_free(self):
        run = self.folder / "run"
        (run / "checkpoints").mkdir(parents=True)
        (run / "metrics.jsonl").touch()
        self.train(*SHORT, "--max-steps", "1", "--out", run)
        self.assertEqual(len(self.steps(run)), 1)
        (run / "metrics.jsonl").write_text("")
        self.assert_fails(1, r"must not hold a run", "--out", run)

    def test_bad_checkpoints_and_folders(self):
        self.assert_fails(1, r"checkpoint", "--resume", self.folder)
        other = self.folder / "other.safetensors"
        header = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
        header += b" " * (-len(header) % 8)
        other.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
        self.assert_fails(1, r"other.safetensors.*checksum", "--resume", other)
        run, text_run = self.folder / "run", self.folder / "text_run"
        self.train(*SHORT, "--max-steps", "1", "--out", run)
        self.assert_fails(1, r"must not hold a run", "--out", run)
        char_lm = pathlib.Path(self.program).with_name("char_lm")
        subprocess.run([char_lm, "--width", "8", "--heads", "1", "--max-steps", "1", "--out", text_run], check=True,
                       stdout=subprocess.DEVNULL)
        self.assert_fails(1, r"resume: checkpoint must be one of this program with the same options, got '.*': .* names and "
                          r"shapes of Net, got missing: conv1.weight.*; and \d+ more$", "--resume", text_run)
        blocked = self.folder / "file"
        blocked.write_text("not a folder")
        self.assert_fails(1, r"file", "--out", blocked / "run")


if __name__ == "__main__":
    main()
