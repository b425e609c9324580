#!/usr/bin/env python3
"""Goal: `tools/run --day` begins, says what to do, serves the page, and ends without a trace."""
import re
import signal
import subprocess
import sys
import threading
import unittest
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(HOME / "tests" / "support"))
from daemon import free_port  # noqa: E402


class Person(unittest.TestCase):
    def test_the_day_begins_is_told_and_ends(self):
        port = free_port()
        process = subprocess.Popen([sys.executable, HOME / "tools/day.py", "--port", str(port), "--pause", "0.2"],
                                   text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(process.kill)
        watchdog = threading.Timer(120, process.kill)
        watchdog.start()
        said = ""
        for line in process.stdout:
            said += line
            if "What the hospital does" in line:
                break
        self.assertIn(f"http://127.0.0.1:{port}/app/", said)
        self.assertRegex(said, r"this code: [A-Z0-9]{5}-[A-Z0-9]{5}")
        page = subprocess.run(["curl", "-fsS", f"http://127.0.0.1:{port}/app/"], check=True, capture_output=True,
                              text=True).stdout
        self.assertTrue(re.search(r"<title>", page))
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        self.assertEqual(process.wait(60), 0, said + rest)
        self.assertIn("The day is over", rest)
        watchdog.cancel()
        process.stdout.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
