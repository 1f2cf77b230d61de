"""A run that is told to end half way: nothing of it stays. Programs are stand-ins that only wait."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

RUN = Path(__file__).resolve().with_name("run")
# The load generator is called with a URL and tells that it is at work; the others listen, as they say.
STAND_IN = """#!/bin/sh
echo $$ >>"$SCENE/pids"
case $1 in
http*) echo measuring >"$SCENE/measuring" ;;
*) echo listening http://127.0.0.1:1 ;;
esac
exec sleep 1000
"""


@unittest.skipUnless(shutil.which("taskset"), "needs taskset")
class Ending(unittest.TestCase):
    """By each signal that a terminal or a time limit sends."""

    def ended_by(self, number):
        with tempfile.TemporaryDirectory() as scene:
            scene = Path(scene)
            (scene / "tmp").mkdir()
            (scene / "debug").mkdir()
            for name in ("tidegate-load", "tidegate-mock"):
                program = scene / "debug" / name
                program.write_text(STAND_IN, encoding="utf-8")
                program.chmod(0o755)
            place = {"CARGO_TARGET_DIR": scene, "SCENE": scene, "TMPDIR": scene / "tmp"}
            command = [RUN, "--no-build", "--profile", "debug", "--contenders", "relay"]
            run = subprocess.Popen(
                [sys.executable, *command, "--only", "json-c32", "--rounds", "1"],
                env=os.environ | {name: str(path) for name, path in place.items()},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                self.await_measuring(scene / "measuring", run)
                run.send_signal(number)
                code = run.wait(20)
            finally:
                run.kill()
                run.wait()
            pids = (scene / "pids").read_text(encoding="utf-8").split()
            left = [pid for pid in pids if Path("/proc", pid).exists()]
            for pid in left:
                os.kill(int(pid), signal.SIGKILL)
            self.assertEqual(len(pids), 3, "a mock, a contender, a load generator")
            self.assertEqual(left, [])
            self.assertEqual(list((scene / "tmp").iterdir()), [])
            return code

    def await_measuring(self, file, run):
        until = time.monotonic() + 20
        while not file.exists():
            self.assertIsNone(run.poll(), "the run ended before it measured")
            self.assertLess(time.monotonic(), until, "nobody measures")
            time.sleep(0.02)

    def test_nothing_stays(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(number.name):
                self.assertEqual(self.ended_by(number), 128 + number)


if __name__ == "__main__":
    unittest.main()
