#!/usr/bin/env python3
"""Goal: what operators read is true and harmless: answers that were sent, hostile messages, a full disk.
Method: real daemons on a folder of their own, asked by the CLI, on a terminal too, and over raw sockets."""
import getpass
import json
import os
import pty
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from daemon import HOME, Daemon, MllpLink, ack_code, binary_folder  # noqa: E402

CHANNEL = """channel: {name}
tenant: main
source: {{mllp: {{listen: "{listen}"}}}}
time_zone: America/New_York
assigning_authority: MAIN
authority_for: [Patient, Encounter]
ack_after: {ack_after}
mapping: {{messages: [ADT]}}
"""


def message(control_id, patient="100^^^MAIN^MR", enhanced="", name="Roe^Jane"):
    return "\r".join([
        f"MSH|^~\\&|EHR|MAIN|CS|MAIN|20260305082000+0000||ADT^A08^ADT_A01|{control_id}|P|2.5.1|||{enhanced}",
        "EVN|A08|20260305082000+0000", f"PID|1||{patient}||{name}||19700101|M", "PV1|1|N"]) + "\r"


def site(folder, ack_after="processing"):
    """A configuration with a channel and mappings of its own."""
    (folder / "conf").mkdir()
    (folder / "channels").mkdir()
    subprocess.run(["cp", "-r", HOME / "mappings", folder / "mappings"], check=True)
    text = (HOME / "conf/carestream.yaml").read_text()
    (folder / "conf/carestream.yaml").write_text(text + "\nmappings: ../mappings\n")
    (folder / "channels/adt.yaml").write_text(CHANNEL.format(
        name="adt", listen="${env:CARESTREAM_MLLP}", ack_after=ack_after))
    return folder / "conf/carestream.yaml"


class Operators(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="carestream-site-")
        cls.site = Path(cls.folder.name)
        cls.daemon = Daemon(config=site(cls.site))
        cls.daemon.start()
        cls.link = MllpLink(cls.daemon.mllp_port)

    @classmethod
    def tearDownClass(cls):
        cls.link.close()
        cls.daemon.close()
        cls.folder.cleanup()

    def find(self, control_id):
        found = json.loads(self.daemon.cli("messages", "find", "--control-id", control_id, "--json").stdout)
        return found["messages"][0]

    def on_terminal(self, *arguments):
        """What a command writes to a terminal."""
        parent, child = pty.openpty()
        with subprocess.Popen([binary_folder() / "carestream", *map(str, arguments)], stdout=child, stderr=child,
                              env=dict(self.daemon.environment, NO_COLOR="1")) as process:
            os.close(child)
            text = b""
            while True:
                try:
                    piece = os.read(parent, 65536)
                except OSError:  # the other end has closed
                    break
                if not piece:
                    break
                text += piece
            process.wait(30)
        os.close(parent)
        return text.decode().replace("\r\n", "\n")

    def test_the_answer_is_the_one_that_was_sent(self):
        for control_id, fields, answer in (("OK-1", {}, "AA"), ("BAD-1", {"patient": "^^^MAIN^MR"}, "AE"),
                                           ("BAD-2", {"patient": "^^^MAIN^MR", "enhanced": "AL"}, "CA")):
            with self.subTest(control_id):
                self.assertEqual(ack_code(self.link.send(message(control_id, **fields))), answer)
                for _ in range(100):
                    found = self.find(control_id)
                    if found["status"] != "pending":
                        break
                self.assertEqual(found["answer"], answer)
                self.assertIn(f"ACK sent {answer}\n", self.daemon.cli("messages", "show", found["seq"]).stdout)
        dead = json.loads(self.daemon.cli("deadletters", "--json").stdout)
        self.assertEqual({d["answer"] for d in dead["dead_letters"]}, {"AE", "CA"})
        seq = self.find("BAD-1")["seq"]
        self.daemon.cli("deadletters", "discard", seq)
        self.assertEqual(self.find("BAD-1")["answer"], "AE")

    def test_dead_letters_say_how_many_and_what_becomes_of_them(self):
        for number in range(3):
            self.link.send(message(f"MANY-{number}", patient="^^^MAIN^MR"))
        total = json.loads(self.daemon.cli("deadletters", "--json").stdout)["total"]
        self.assertIn(f"the oldest 2 of {total};", self.daemon.cli("deadletters", "--limit", "2").stdout)
        self.assertNotIn("the oldest", self.daemon.cli("deadletters").stdout)
        seq = self.find("MANY-0")["seq"]
        said = self.daemon.cli("deadletters", "replay", seq, "--no-wait").stdout
        self.assertIn("1 message is processed again\n", said)
        self.assertIn(f"`carestream messages show {seq}`", said)
        for number in (0, 1):
            self.link.send(message(f"TWICE-{number}", patient="7007^^^MAIN^MR", name=f"Two^{number}"))
        self.assertIn("the newest 1;", self.daemon.cli("messages", "find", "--mrn", "7007", "--limit", "1").stdout)

    def test_a_message_cannot_steer_the_terminal(self):
        evil = "Roe\x1b]0;owned\x07\x1b[2J\u009b31m\u202egpj^Jane\x7f"
        self.link.send(message("EVIL-1", patient="666^^^MAIN^MR", name=evil))
        seq = self.find("EVIL-1")["seq"]
        piped, shown = self.daemon.cli("messages", "show", seq).stdout, self.on_terminal("messages", "show", seq)
        for text in (piped, shown, self.on_terminal("messages", "show", seq, "--raw")):
            for control in ("\x1b", "\x07", "\x7f", "\u009b", "\u202e", "\r"):
                self.assertNotIn(control, text)
            self.assertIn("Roe\\x1B]0;owned\\x07\\x1B[2J\\x9B31m\\u202Egpj^Jane\\x7F", text)
        self.assertIn("\n  EVN|A08|", shown)
        raw = subprocess.run([binary_folder() / "carestream", "messages", "show", str(seq), "--raw"],
                             env=self.daemon.environment, capture_output=True, check=True).stdout
        self.assertEqual(raw.decode(), message("EVIL-1", patient="666^^^MAIN^MR", name=evil))

    def test_a_huge_field_is_cut_on_a_terminal_only(self):
        self.link.send(message("HUGE-1", patient="667^^^MAIN^MR", name="Roe^" + "\u00e4" * 5000))
        seq = self.find("HUGE-1")["seq"]
        shown = self.on_terminal("messages", "show", seq)
        self.assertLess(len(shown), 4000)
        self.assertIn("bytes cut]||19700101|M", shown)
        self.assertIn(f"`carestream messages show {seq} --raw` shows all", shown)
        self.assertIn("\u00e4" * 5000, self.daemon.cli("messages", "show", seq).stdout)

    def test_identity_conflicts_are_listed_and_resolved(self):
        for number in ("901", "902"):
            self.link.send(message(f"ONE-{number}", patient=f"{number}^^^MAIN^MR"))
        both = message("BOTH-1", patient="901^^^MAIN^MR~902^^^MAIN^MR")
        self.assertEqual(ack_code(self.link.send(both)), "AA")
        self.assertEqual(self.find("BOTH-1")["status"], "processed")
        conflicts = json.loads(self.daemon.cli("conflicts", "--json").stdout)["conflicts"]
        self.assertEqual([c["seq"] for c in conflicts], [self.find("BOTH-1")["seq"]])
        status = json.loads(self.daemon.cli("status", "--json").stdout)
        self.assertEqual(status["identity_conflicts"], 1)
        self.assertIn("1 identity conflict", status["headline"])
        self.assertIn("carestream conflicts", status["remedy"])
        number = str(conflicts[0]["id"])
        listed = self.daemon.cli("conflicts").stdout
        for part in (f"Conflict {number}", conflicts[0]["kept"], conflicts[0]["other"]):
            self.assertIn(part, listed)
        self.assertEqual(self.daemon.cli("conflicts", "resolve", number, check=False).returncode, 2)
        self.daemon.cli("conflicts", "resolve", number, "--note", "two people")
        again = self.daemon.cli("conflicts", "resolve", number, "--note", "two people", check=False)
        self.assertEqual(again.returncode, 2)
        self.assertIn("resolved already by", again.stderr)
        self.assertIn("No open identity conflicts", self.daemon.cli("conflicts").stdout)
        self.assertIn("two people", self.daemon.cli("conflicts", "--all").stdout)

    def test_reload_names_what_changed(self):
        mapping = self.site / "mappings/segments/PID.Patient.yaml"
        text = mapping.read_text()
        self.addCleanup(mapping.write_text, text)
        mapping.write_text(text + "\n# changed\n")
        said = self.daemon.cli("reload").stdout
        self.assertRegex(said, r"^generation \d+ is in force\n")
        self.assertIn("channels unchanged", said)
        self.assertIn("mapping segments/PID.Patient.yaml: changed", said)
        self.assertIn("mappings unchanged", self.daemon.cli("reload").stdout)
        mapping.write_text(text + "\nnonsense: 1\n")
        refused = self.daemon.cli("reload", check=False)
        self.assertEqual(refused.returncode, 2)
        self.assertIn(f"{mapping}:", refused.stderr)

    def test_who_asked_is_whom_the_kernel_knows(self):
        self.link.send(message("SEEN-1", patient="668^^^MAIN^MR"))
        seq = self.find("SEEN-1")["seq"]
        environment = dict(self.daemon.environment, USER="mallory", LOGNAME="mallory")
        subprocess.run([binary_folder() / "carestream", "messages", "show", str(seq)], env=environment,
                       capture_output=True, check=True)
        sockets = [s.parent for s in self.daemon.state.rglob(".s.PGSQL.*") if s.is_socket()]
        if not sockets:
            self.skipTest("the server's socket is not to be found")
        port = next(s.suffix[1:] for s in sockets[0].glob(".s.PGSQL.*") if s.is_socket())
        asked = subprocess.run(["psql", "-h", sockets[0], "-p", port, "-U", "carestream", "-d", "carestream", "-Atc",
                                f"select actor from audit where seq = {seq}"], capture_output=True, text=True)
        if asked.returncode != 0:
            self.skipTest(asked.stderr)
        self.assertEqual(asked.stdout.strip(), f"{getpass.getuser()} (uid {os.getuid()})")

    def test_errors_of_http_are_operation_outcomes(self):
        for request, status in ((b"NONSENSE\r\n\r\n", 400),
                                (b"POST /fhir/r4/Patient HTTP/1.1\r\nHost: x\r\nContent-Type: application/fhir+json\r\n"
                                 b"Content-Length: 99999999999\r\n\r\n", 413),
                                (b"GET /fhir/r4/Patient?" + b"a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414)):
            with self.subTest(status), socket.create_connection(("127.0.0.1", self.daemon.fhir_port), 10) as link:
                link.sendall(request)
                answer = b""
                while piece := link.recv(65536):
                    answer += piece
                head, _, body = answer.partition(b"\r\n\r\n")
                self.assertIn(str(status).encode(), head.splitlines()[0])
                self.assertIn(b"application/fhir+json", head)
                self.assertEqual(json.loads(body)["resourceType"], "OperationOutcome")

    def test_own_absolute_references_are_found(self):
        self.link.send(message("REF-1", patient="669^^^MAIN^MR"))
        patient = self.daemon.wait_for("Patient", identifier="669")["entry"][0]["resource"]["id"]
        status, _, made = self.daemon.request("POST", "Observation", {
            "resourceType": "Observation", "status": "final", "code": {"text": "x"},
            "subject": {"reference": f"Patient/{patient}"}})
        self.assertEqual(status, 201)
        for value in (patient, f"Patient/{patient}", f"{self.daemon.fhir}/Patient/{patient}"):
            found = self.daemon.wait_for("Observation", subject=value)
            self.assertEqual([e["resource"]["id"] for e in found["entry"]], [made["id"]], value)


class FullDisk(unittest.TestCase):
    def test_writes_wait_and_the_disk_is_named(self):
        with tempfile.TemporaryDirectory(prefix="carestream-site-") as folder:
            daemon = Daemon(config=site(Path(folder)), environment={"CARESTREAM_DISK_FREE_MIN": "1000000GiB"})
            try:
                daemon.start(until="health")
                deadline = time.monotonic() + 60
                while True:
                    try:
                        if daemon.get("metadata")[0] == 200:
                            break
                    except OSError:
                        pass
                    self.assertLess(time.monotonic(), deadline, daemon.log_tail())
                    time.sleep(0.1)
                status, headers, outcome = daemon.request("POST", "Patient", {"resourceType": "Patient"})
                self.assertEqual((status, outcome["resourceType"]), (503, "OperationOutcome"))
                self.assertIn("disk", outcome["issue"][0]["diagnostics"])
                self.assertIn("Retry-After", headers)
                self.assertEqual(daemon.get("Patient")[0], 200)
                # The API answers a moment before the rest has started.
                while True:
                    said = daemon.cli("status", check=False)
                    self.assertEqual(said.returncode, 1)
                    first = said.stdout.splitlines()[0]
                    if not first.startswith("starting"):
                        break
                    self.assertLess(time.monotonic(), deadline, first)
                    time.sleep(0.1)
                for part in ("disk", "disk_free_min", str(daemon.state)):
                    self.assertIn(part, first)
                self.assertNotIn("PostgreSQL", first)
            finally:
                daemon.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
