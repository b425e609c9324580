#!/usr/bin/env python3
"""Goal: kill -9 loses nothing, doubles nothing and hides nothing of what goes out. Method: a real daemon, an
EHR that goes down and comes back."""
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from ehr import Answer, Ehr  # noqa: E402
from outbound_site import FORWARD, Site, adt  # noqa: E402


class Crash(unittest.TestCase):
    def test_each_once_and_in_order_when_the_ehr_and_the_daemon_fall(self):
        with Ehr() as ehr:
            with Site(out=FORWARD.format(name="out", port=ehr.port, more="")) as site:
                site.send(*[adt(f"F{i}") for i in range(5)])
                ehr.wait(5)
                site.wait(0)
                ehr.down()
                site.send(*[adt(f"F{i}") for i in range(5, 25)])
                site.wait(20)
                site.daemon.kill()
                site.daemon.start()
                # Not one of them may have arrived: nothing is in doubt.
                self.assertEqual({m["state"] for m in site.wait(20)}, {"queued"})
                ehr.up()
                ehr.wait(25)
                site.wait(0)
                self.assertEqual(ehr.control_ids(), [f"F{i}" for i in range(25)])

    def test_what_was_being_sent_when_the_daemon_fell_is_in_doubt_and_a_late_word_settles_it(self):
        with Ehr() as ehr:
            text = FORWARD.format(name="out", port=ehr.port, more="").replace("ack_timeout: 1s", "ack_timeout: 60s")
            with Site(out=text) as site:
                ehr.next(Answer(drop=True))
                site.send(*[adt(f"G{i}") for i in range(3)])
                first = ehr.wait(1)[0]
                site.daemon.kill()
                site.daemon.start()
                held = [m for m in site.wait(3) if m["held"]]
                deadline = time.monotonic() + 10
                while not held and time.monotonic() < deadline:
                    held = [m for m in site.wait(3) if m["held"]]
                self.assertEqual(held[0]["reason"], "the daemon ended while it was sent")
                self.assertEqual(len(ehr.received), 1)
                site.daemon.cli("outbound", "resend", held[0]["number"])
                ehr.wait(4)
                site.wait(0)
                # The same bytes under the same MSH-10.
                self.assertEqual(ehr.received[1], first)
                self.assertEqual(ehr.control_ids(), ["G0", "G0", "G1", "G2"])

    def test_nothing_is_lost_or_doubled_under_repeated_kills(self):
        with Ehr() as ehr:
            ehr.always(Answer(delay_s=0.005))
            with Site(out=FORWARD.format(name="out", port=ehr.port, more="on_ambiguous: resend")) as site:
                sent = 0
                for _ in range(4):
                    site.send(*[adt(f"K{i}") for i in range(sent, sent + 60)])
                    sent += 60
                    time.sleep(0.1)
                    site.daemon.kill()
                    site.daemon.start()
                site.wait(0, timeout_s=60)
                ids = ehr.control_ids()
                once = list(dict.fromkeys(ids))
                self.assertEqual(once, [f"K{i}" for i in range(sent)])
                # Only what was under way when the daemon fell came twice, with its own number.
                self.assertLessEqual(len(ids) - len(once), 4)


if __name__ == "__main__":
    unittest.main(verbosity=2)
