"""examples/char_lm in a short form: it learns, resumes to the bit, prints a sample, and refuses bad input."""
from example_case import ExampleCase, main

SMALL = ["--width", "32", "--layers", "2", "--heads", "2", "--block-size", "32", "--batch-size", "16", "--sample", "80"]


class CharLm(ExampleCase):
    def test_a_short_run_learns_and_prints_a_sample(self):
        run = self.folder / "run"
        done = self.train(*SMALL, "--max-steps", "120", "--out", run)
        losses = [record["loss"] for record in self.steps(run)]
        self.assertLess(sum(losses[-10:]), 0.8 * sum(losses[:10]))
        sample = done.stdout.split("--- a sample\n")[1].rsplit("\n---", 1)[0]
        self.assertEqual(len(sample.encode()), 81)

    def test_a_stopped_run_resumes_to_the_bit(self):
        self.check_resume(20, 7, *SMALL)

    def test_bad_input(self):
        self.assert_fails(1, r"nowhere\.txt", self.folder / "nowhere.txt")
        short = self.folder / "short.txt"
        short.write_text("too short")
        self.assert_fails(1, r"block|sample", short)
        self.assert_fails(1, r"heads", "--width", "30", "--heads", "4")
        self.assert_fails(2, r"--layers", "--layers", "0")


if __name__ == "__main__":
    main()
