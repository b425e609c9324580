#!/usr/bin/env python3
"""Goal: what goes out arrives once and in order, whatever its receiver and the daemon go through; what is
in doubt is said. Method: a real daemon, EHRs that do what a test says, kill -9."""
import json
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from daemon import HOME, Daemon, MllpLink, ack_code, binary_folder, free_port  # noqa: E402
from ehr import Answer, Ehr, acknowledgment, field  # noqa: E402

FEED = """channel: {name}
system: {system}
source: {{mllp: {{listen: "127.0.0.1:{port}"}}}}
time_zone: America/New_York
assigning_authority: MAIN
authority_for: [Patient, Encounter]
mapping: {{messages: [ADT, SIU, ORU]}}
"""
FORWARD = """channel: {name}
source: {{channel: feed}}
destination: {{mllp: {{connect_to: "127.0.0.1:{port}", ack_timeout: 1s}}}}
retry: {{first: 100ms, max: 200ms}}
{more}
"""
BOOKING = """channel: {name}
system: ehr
source: {{topic: [appointment]}}
destination: {{mllp: {{connect_to: "127.0.0.1:{port}", ack_timeout: 2s}}}}
retry: {{first: 100ms, max: 200ms}}
render:
  event: SIU^S12
  events:
    - {{when: "status=cancelled", event: SIU^S15}}
    - {{when: "status=proposed"}}
  receiving_application: EHR
"""


def adt(control_id, mrn="100", event="A08", more=""):
    return "\r".join([
        f"MSH|^~\\&|EHR|MAIN|CS|MAIN|20260305082000+0000||ADT^{event}^ADT_A01|{control_id}|P|2.5.1",
        f"EVN|{event}|20260305082000+0000", f"PID|1||{mrn}^^^MAIN^MR||Roe^Jane||19700101|F",
        "PV1|1|I"]) + "\r" + more


class Site:
    """A configuration with channels of its own, and a daemon that reads them."""

    def __init__(self, **channels):
        self.folder = tempfile.TemporaryDirectory(prefix="carestream-site-")
        folder = Path(self.folder.name)
        (folder / "conf").mkdir()
        (folder / "channels").mkdir()
        text = (HOME / "conf/carestream.yaml").read_text()
        (folder / "conf/carestream.yaml").write_text(f"{text}\nmappings: {HOME}/mappings\n")
        self.channels = folder / "channels"
        self.feed_port = free_port()
        self.write("feed", FEED.format(name="feed", system="ehr", port=self.feed_port))
        for name, text in channels.items():
            self.write(name, text)
        self.daemon = Daemon(config=folder / "conf/carestream.yaml")

    def __enter__(self):
        self.daemon.start()
        return self

    def __exit__(self, *_):
        self.daemon.close()
        self.folder.cleanup()

    def write(self, name, text):
        (self.channels / f"{name}.yaml").write_text(text)

    def send(self, *messages):
        link = MllpLink(self.feed_port)
        try:
            for message in messages:
                code = ack_code(link.send(message))
                assert code == "AA", code
        finally:
            link.close()

    def outbound(self, state=""):
        arguments = ["outbound", "list", "--json"] + (["--status", state] if state else [])
        return json.loads(self.daemon.cli(*arguments).stdout)["messages"]

    def wait(self, count, state="", timeout_s=20):
        """The list, once it has so many messages."""
        deadline = time.monotonic() + timeout_s
        while True:
            messages = self.outbound(state)
            if len(messages) == count:
                return messages
            if time.monotonic() > deadline:
                raise AssertionError(f"{len(messages)} messages, not {count}: {messages}\n{self.daemon.log_tail()}")
            time.sleep(0.1)


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
                said = site.daemon.cli("status").stdout
                self.assertIn("plain", said)
                self.assertIn("in line 0", said)
                shown = site.daemon.cli("outbound", "show", site.outbound("acked")[0]["number"]).stdout
                self.assertIn("acked", shown)
                self.assertIn("MSA|AA|M0", shown)

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
                             ("AE", "PID-3", "answered AE, error 204 of table 0357"))
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


class Bookings(unittest.TestCase):
    def book(self, site, patient, **more):
        status, _, made = site.daemon.request("POST", "Appointment", {
            "resourceType": "Appointment", "status": "booked", "start": "2026-05-04T09:00:00Z",
            "end": "2026-05-04T09:30:00Z", "participant": [
                {"actor": {"reference": f"Patient/{patient}"}, "status": "accepted"}], **more})
        self.assertEqual(status, 201, made)
        return made["id"]

    def test_an_echo_updates_the_same_appointment_and_sends_nothing(self):
        with Ehr() as ehr, Site(booking=BOOKING.format(name="booking", port=ehr.port)) as site:
            site.send(adt("P1"))
            patient = site.daemon.wait_for("Patient", identifier="100")["entry"][0]["resource"]["id"]
            link = MllpLink(site.feed_port)

            def echo(message):
                # What an EHR does: the same appointment, with a number of its own.
                lines = []
                for line in message.rstrip("\r").split("\r"):
                    fields = line.split("|")
                    if line.startswith("MSH"):
                        fields[2:6] = ["EHR", "MAIN", "CARESTREAM", ""]
                        fields[9] = "ECHO" + fields[9][-8:]
                    if line.startswith("SCH"):
                        fields[2] = "E-77^EHR"
                    lines.append("|".join(fields))
                self.assertEqual(ack_code(link.send("\r".join(lines) + "\r")), "AA")

            ehr.on_message = echo
            appointment = self.book(site, patient)
            message = ehr.wait(1)[0]
            self.assertEqual(field(message, "MSH", 9), "SIU^S12^SIU_S12")
            self.assertEqual(field(message, "MSH", 5), "EHR")
            self.assertEqual(field(message, "SCH", 1), f"{appointment}^CARESTREAM")
            self.assertEqual(field(message, "PID", 3).split("^")[0], "100")
            echoed = site.daemon.wait_for("Appointment", identifier="E-77", timeout_s=20)["entry"][0]["resource"]
            self.assertEqual(echoed["id"], appointment)
            self.assertEqual(len(site.daemon.get("Appointment")[2]["entry"]), 1)
            # A cancellation on our side goes out as such; its echo ends it again.
            _, _, current = site.daemon.get(f"Appointment/{appointment}")
            status, _, _ = site.daemon.request("PUT", f"Appointment/{appointment}", {**current, "status": "cancelled"})
            self.assertEqual(status, 200)
            ehr.wait(2)
            self.assertEqual(field(ehr.received[1], "MSH", 9).split("^")[1], "S15")
            self.assertEqual(field(ehr.received[1], "SCH", 2), "E-77^EHR")
            site.wait(0)
            time.sleep(1)
            self.assertEqual(len(ehr.received), 2)
            self.assertEqual(len(site.outbound("acked")), 2)
            link.close()

    def test_what_cannot_be_made_is_a_dead_letter_and_is_made_again(self):
        with Ehr() as ehr, Site(booking=BOOKING.format(name="booking", port=ehr.port)) as site:
            site.send(adt("P1"))
            known = site.daemon.wait_for("Patient", identifier="100")["entry"][0]["resource"]["id"]
            _, _, unknown = site.daemon.request("POST", "Patient", {
                "resourceType": "Patient", "name": [{"family": "Doe"}]})
            self.book(site, known, status="proposed")     # none is made of it
            self.book(site, unknown["id"])                # PID-3 is required, and there is no identifier
            self.book(site, known)
            ehr.wait(1)
            dead = site.wait(1)[0]
            self.assertEqual((dead["state"], dead["path"]), ("nacked", "PID-3"))
            self.assertIn("required", dead["reason"])
            self.assertIn("booking: 1 refused", site.daemon.cli("status").stdout)
            still = site.daemon.cli("outbound", "replay", dead["number"], check=False)
            self.assertIn("can still not be made", still.stderr)
            status, _, _ = site.daemon.request("PUT", f"Patient/{unknown['id']}", {
                **unknown, "identifier": [{"system": "urn:carestream:authority:MAIN", "value": "900"}]})
            self.assertEqual(status, 200)
            site.daemon.cli("outbound", "replay", dead["number"])
            ehr.wait(2)
            self.assertEqual(field(ehr.received[1], "PID", 3).split("^")[0], "900")
            site.wait(0)

    def test_a_channel_that_is_gone_leaves_its_queue_and_comes_back_without_old_news(self):
        with Ehr() as ehr, Site(booking=BOOKING.format(name="booking", port=ehr.port)) as site:
            site.send(adt("P1"))
            patient = site.daemon.wait_for("Patient", identifier="100")["entry"][0]["resource"]["id"]
            ehr.down()
            self.book(site, patient)
            site.wait(1)
            text = (site.channels / "booking.yaml").read_text()
            (site.channels / "booking.yaml").unlink()
            self.assertIn("booking: removed, its queue stays", site.daemon.cli("reload").stdout)
            deadline = time.monotonic() + 10
            while "orphaned, in line 1" not in site.daemon.cli("status").stdout and time.monotonic() < deadline:
                time.sleep(0.2)
            self.assertIn("orphaned, in line 1", site.daemon.cli("status").stdout)
            self.book(site, patient)
            ehr.up()
            site.write("booking", text)
            site.daemon.cli("reload")
            self.book(site, patient)
            ehr.wait(2)
            site.wait(0)
            time.sleep(0.5)
            self.assertEqual(len(ehr.received), 2)


class Acknowledgments(unittest.TestCase):
    def test_senders_in_enhanced_mode_hear_of_the_outcome_by_a_message_of_its_own(self):
        with Ehr() as ehr:
            text = ("channel: acks\nsource: {acknowledgments_of: feed}\n"
                    f"destination: {{mllp: {{connect_to: \"127.0.0.1:{ehr.port}\"}}}}\n")
            with Site(acks=text) as site:
                link = MllpLink(site.feed_port)

                def enhanced(control_id, modes, patient="100^^^MAIN^MR"):
                    fields = adt(control_id).split("\r")
                    fields[0] += f"|||{modes}"
                    fields[2] = f"PID|1||{patient}||Roe^Jane||19700101|F"
                    return ack_code(link.send("\r".join(fields)))

                self.assertEqual(enhanced("X1", "AL|AL"), "CA")
                self.assertEqual(enhanced("X2", "AL|NE"), "CA")
                self.assertEqual(enhanced("X3", "AL|ER", patient=""), "CA")
                self.assertEqual(ack_code(link.send(adt("X4"))), "AA")
                self.assertEqual(enhanced("X5", "AL|ER"), "CA")
                self.assertEqual(enhanced("X6", "AL|AL"), "CA")
                link.close()
                messages = ehr.wait(3)
                self.assertEqual([(field(m, "MSA", 1), field(m, "MSA", 2)) for m in messages],
                                 [("AA", "X1"), ("AE", "X3"), ("AA", "X6")])
                self.assertEqual({field(m, "MSH", 9).split("^")[0] for m in messages}, {"ACK"})
                self.assertEqual(len(set(ehr.control_ids())), 3)
                site.wait(0)
                self.assertEqual(len(ehr.received), 3)


class Mistakes(unittest.TestCase):
    def lint(self, text):
        with tempfile.TemporaryDirectory() as folder:
            channels = Path(folder) / "channels"
            channels.mkdir()
            (channels / "feed.yaml").write_text(FEED.format(name="feed", system="ehr", port=2599))
            (channels / "out.yaml").write_text(text)
            done = subprocess.run([binary_folder() / "carestream", "lint", folder],
                                  capture_output=True, text=True, cwd=HOME)
            return done.returncode, done.stdout

    def test_each_is_named_with_its_place_and_the_nearest_name(self):
        good = FORWARD.format(name="out", port=1, more="")
        self.assertEqual(self.lint(good)[0], 0, self.lint(good)[1])
        for wrong, right, said in (
                ("channel: feed", "channel: fed", "no channel with a source is named 'fed', did you mean 'feed'?"),
                ("retry: {first: 100ms", "retry: {first: 1h", "'first' is longer than 'max'"),
                ("connect_to", "connectto", "did you mean 'connect_to'?"),
                ("channel: out", "channel: feed", "channel 'feed' is also in"),
                ("source:", "filter: [PID-8 is F]\nsource:", "expected PATH == VALUE"),
                ("source:", "edit: {MSH-10: x}\nsource:", "MSH-10 is not edited"),
                ("source:", "system: ehr\nsource:", "they would be sent back to where they came from"),
                ("{channel: feed}", "{topic: [appointmen]}", "no topic is named 'appointmen', did you mean 'appointment'?"),
                ("{channel: feed}", "{topic: [appointment]}", "'render' must say which message is made"),
                ("source:", "on_ambiguous: holdd\nsource:", "did you mean 'hold'?")):
            code, output = self.lint(good.replace(wrong, right, 1))
            self.assertEqual(code, 1, right)
            self.assertIn(said, output)
            self.assertRegex(output, r"out\.yaml:\d+:\d+: ")
        booking = BOOKING.format(name="out", port=1).replace("system: ehr\n", "")
        self.assertEqual(self.lint(booking)[0], 0, self.lint(booking)[1])
        for wrong, right, said in (
                ("event: SIU^S12", "event: SIU^S99", "no outbound message makes SIU^S99 of Appointment, did you mean"),
                ("status=cancelled", "stats=cancelled", "status"),
                ("receiving_application: EHR", "time_zone: Mars", "time zone")):
            code, output = self.lint(booking.replace(wrong, right, 1))
            self.assertEqual(code, 1, right)
            self.assertIn(said, output)


if __name__ == "__main__":
    unittest.main(verbosity=2)
