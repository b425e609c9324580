#!/usr/bin/env python3
"""Goal: what is forwarded arrives once and in order, whatever its receiver answers; what is in doubt is
said. Method: a real daemon, EHRs that do what a test says."""
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from daemon import HOME, MllpLink, binary_folder, free_port  # noqa: E402
from ehr import Answer, Ehr, acknowledgment, field  # noqa: E402
from outbound_site import BOOKING, FEED, FORWARD, Site, adt  # noqa: E402


class Forwarding(unittest.TestCase):
    def test_fan_out_with_filter_edit_and_numbers_of_its_own(self):
        with Ehr() as one, Ehr() as two:
            site = Site(
                plain=FORWARD.format(name="plain", port=one.port, more=""),
                lab=FORWARD.format(name="lab", port=two.port, more="\n".join([
                    "filter: [\"PID-3.1 in ['200', '300']\", PV1-2 == I]",
                    "edit: {MSH-5: LAB, PID-8: \"\"}", "control_id: own"])))
            with site:
                messages = [adt(f"M{i}", mrn) for i, mrn in enumerate(["100", "200", "300", "100"])]
                site.send(*messages)
                self.assertEqual(one.wait(4), messages)
                edited = two.wait(2)
                site.wait(0)
                self.assertEqual(len(two.received), 2)
                self.assertEqual([field(m, "PID", 3) for m in edited], ["200^^^MAIN^MR", "300^^^MAIN^MR"])
                self.assertEqual([field(m, "MSH", 5) for m in edited], ["LAB", "LAB"])
                self.assertEqual([field(m, "PID", 8) for m in edited], ["", ""])
                ids = two.control_ids()
                self.assertEqual(len(set(ids)), 2)
                for control_id in ids:
                    self.assertRegex(control_id, r"^CS[0-9A-Z]{6,18}$")
                # The status is as of a moment ago.
                deadline = time.monotonic() + 20
                while True:
                    said = site.daemon.cli("status").stdout
                    self.assertIn("plain", said)
                    if said.count("in line 0") == 2:
                        break
                    self.assertLess(time.monotonic(), deadline, said)
                    time.sleep(0.2)
                shown = site.daemon.cli("outbound", "show", site.outbound("acked")[0]["number"]).stdout
                self.assertIn("acked", shown)
                self.assertIn("MSA|AA|M0", shown)

    def test_a_full_line_holds_up_no_other_and_takes_the_rest_later(self):
        with Ehr() as one, Ehr() as two:
            with Site(small=FORWARD.format(name="small", port=one.port, more="queue_max: 3"),
                      other=FORWARD.format(name="other", port=two.port, more="")) as site:
                one.down()
                site.send(adt("Q0"), adt("Q1"), adt("Q2"), adt("Q3"))
                two.wait(4)
                # Its line is known to be full by now, or a moment later.
                time.sleep(2.5)
                site.send(*[adt(f"Q{i}") for i in range(4, 30)])
                ids = [f"Q{i}" for i in range(30)]
                two.wait(30)
                self.assertEqual(two.control_ids(), ids)
                self.assertLess(len(site.outbound("queued")), 30)
                one.up()
                one.wait(30)
                site.wait(0)
                self.assertEqual(one.control_ids(), ids)

    def test_answers_that_are_wrong_late_split_or_refuse(self):
        with Ehr() as ehr, Site() as site:
            site.write("out", FORWARD.format(name="out", port=ehr.port, more="on_ambiguous: flag"))
            site.daemon.cli("reload")
            error = "ERR||PID^1^3|204"
            ehr.next(Answer(split=True), Answer("AE", error=error), Answer("CE"), Answer(), Answer(wrong=True),
                     Answer(missing=True), Answer(delay_s=1.5), Answer(close=True))
            site.send(*[adt(f"M{i}") for i in range(8)])
            # M2 was answered CE: once more.
            ehr.wait(9)
            nacked = site.wait(1, "nacked")[0]
            self.assertEqual((nacked["answer"], nacked["path"], nacked["reason"]),
                             ("AE", "PID-3",
                              "answered AE, Unknown key identifier (error 204 of table 0357)"))
            self.assertEqual(ehr.control_ids(), ["M0", "M1", "M2", "M2", "M3", "M4", "M5", "M6", "M7"])
            states = {}
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                states = {m["cause"].split()[1]: m["state"] for m in site.outbound(
                    "queued,sending,acked,nacked,ambiguous")}
                if list(states.values()).count("ambiguous") == 3 and "queued" not in states.values():
                    break
                time.sleep(0.1)
            # M5's answer came late, on the link that had stayed open.
            self.assertEqual(list(states.values()), ["acked", "nacked", "acked", "ambiguous", "ambiguous",
                                                     "acked", "ambiguous", "acked"], states)
            self.assertEqual(site.daemon.cli("status", check=False).returncode, 0)
            site.daemon.cli("outbound", "replay", nacked["number"])
            ehr.wait(10)
            self.assertEqual(ehr.control_ids()[-1], "M1")
            site.wait(0, "nacked")

    def test_what_is_in_doubt_holds_until_somebody_decides(self):
        with Ehr() as ehr, Site() as site:
            site.write("out", FORWARD.format(name="out", port=ehr.port, more=""))
            site.daemon.cli("reload")
            for decision, times in (("resend", 2), ("skip", 1), ("acked", 1)):
                ehr.received.clear()
                ehr.next(Answer(drop=True))
                first, second = f"A-{decision}", f"B-{decision}"
                ids = [first] * times + [second]
                site.send(adt(first), adt(second))
                held = [m for m in site.wait(2) if m["held"]]
                deadline = time.monotonic() + 10
                while not held and time.monotonic() < deadline:
                    held = [m for m in site.wait(2) if m["held"]]
                self.assertEqual(len(held), 1)
                self.assertEqual(len(ehr.received), 1)
                said = site.daemon.cli("status", check=False)
                self.assertEqual(said.returncode, 1)
                self.assertIn("waits for a decision", said.stdout)
                self.assertIn("carestream outbound", said.stdout)
                site.daemon.cli("outbound", decision, held[0]["number"])
                ehr.wait(len(ids))
                site.wait(0)
                self.assertEqual(ehr.control_ids(), ids, decision)
            refused = site.daemon.cli("outbound", "resend", held[0]["number"], check=False)
            self.assertEqual(refused.returncode, 2)
            self.assertIn("acked", refused.stderr)
            unknown = site.daemon.cli("outbound", "skip", 999999, check=False)
            self.assertIn("there is no message 999999", unknown.stderr)

    def test_the_application_answers_later(self):
        with Ehr() as ehr:
            more = "application_ack: 2s\napplication_ack_from: [acks]\non_ambiguous: flag"
            port = free_port()
            with Site(out=FORWARD.format(name="out", port=ehr.port, more=more),
                      acks=FEED.format(name="acks", system="ehr", port=port)) as site:
                ehr.next(Answer("AA", twice=True), Answer("CA"), Answer("CA"), Answer("AE", twice=True))
                site.send(*[adt(f"E{i}") for i in range(4)])
                messages = ehr.wait(4)
                self.assertEqual([field(m, "MSH", 15) + field(m, "MSH", 16) for m in messages], ["ALAL"] * 4)
                link = MllpLink(port)
                link.send(acknowledgment(messages[1], "AA"))
                link.close()
                self.assertEqual(site.wait(1, "ambiguous")[0]["reason"],
                                 "the application's answer did not come within application_ack")
                self.assertEqual(len(site.outbound("acked")), 2)
                self.assertEqual(len(site.outbound("nacked")), 1)


class Mistakes(unittest.TestCase):
    FORWARDING = (
        ("channel: feed", "channel: fed", "no channel with a source is named 'fed', did you mean 'feed'?"),
        ("retry: {first: 100ms", "retry: {first: 1h", "'first' is longer than 'max'"),
        ("connect_to", "connectto", "did you mean 'connect_to'?"),
        ("channel: NAME", "channel: feed", "channel 'feed' is also in"),
        ("source:", "filter: [PID-8 is F]\nsource:", "expected PATH == VALUE"),
        ("source:", "edit: {MSH-10: x}\nsource:", "MSH-10 is not edited"),
        ("source:", "system: ehr\nsource:", "they would be sent back to where they came from"),
        ("source:", "on_ambiguous: holdd\nsource:", "did you mean 'hold'?"),
        ("source:", "application_ack_from: [feed]\nsource:", "'application_ack_from' needs 'application_ack'"),
        ("{channel: feed}", "{topic: [appointmen]}", "no topic is named 'appointmen', did you mean 'appointment'?"),
        ("{channel: feed}", "{topic: [appointment]}", "'render' must say which message is made"),
        ("{channel: feed}", "{channel: feed, acknowledgments_of: feed}", "one of them"))
    BOOKING = (
        ("event: SIU^S12", "event: SIU^S99", "no outbound message makes SIU^S99 of Appointment, did you mean"),
        ("status=cancelled", "stats=cancelled", "stats"),
        ("receiving_application: EHR", "time_zone: Mars", "time zone"))

    def lint(self, texts):
        with tempfile.TemporaryDirectory() as folder:
            channels = Path(folder) / "channels"
            channels.mkdir()
            (channels / "feed.yaml").write_text(FEED.format(name="feed", system="ehr", port=2599))
            for number, text in enumerate(texts):
                (channels / f"out{number}.yaml").write_text(text.replace("NAME", f"out{number}"))
            done = subprocess.run([binary_folder() / "carestream", "lint", folder], capture_output=True, text=True,
                                  cwd=HOME)
            return done.returncode, done.stdout

    def test_each_is_named_with_its_place_and_the_nearest_name(self):
        forward = FORWARD.format(name="NAME", port=1, more="")
        booking = BOOKING.format(name="NAME", port=1)
        self.assertEqual(self.lint([forward, booking])[0], 0)
        mistakes = [(forward, *case) for case in self.FORWARDING] + [(booking, *case) for case in self.BOOKING]
        code, output = self.lint([text.replace(wrong, right, 1) for text, wrong, right, _ in mistakes])
        self.assertEqual(code, 1)
        for number, (_, _, right, said) in enumerate(mistakes):
            lines = [line for line in output.splitlines() if f"out{number}.yaml:" in line.split(": ")[0] + ":"]
            self.assertTrue(any(said in line for line in lines), f"{right}: {output}")
            self.assertRegex(lines[0], r"out\d+\.yaml:\d+:\d+: ")


if __name__ == "__main__":
    unittest.main(verbosity=2)
