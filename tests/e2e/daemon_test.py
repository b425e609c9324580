#!/usr/bin/env python3
"""Goal: the daemon stays honest while its surroundings change: reloads, a lost or hanging database, a full
disk, certificates, taken ports, dead letters that are tried again.
Method: real daemons on folders of their own; PostgreSQL is killed or stopped by its process id."""
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from daemon import HOME, Daemon, MllpLink, ack_code, binary_folder, free_port  # noqa: E402

CHANNEL = """channel: {name}
tenant: main
source: {{mllp: {{listen: "{listen}"{more}}}}}
time_zone: America/New_York
assigning_authority: MAIN
authority_for: [Patient, Encounter]
mapping: {{messages: [ADT]{mapping}}}
"""


def message(control_id, patient="100^^^MAIN^MR"):
    return "\r".join([
        f"MSH|^~\\&|EHR|MAIN|CS|MAIN|20260305082000+0000||ADT^A08^ADT_A01|{control_id}|P|2.5.1",
        "EVN|A08|20260305082000+0000", f"PID|1||{patient}||Roe^Jane||19700101|M", "PV1|1|N"]) + "\r"


def until(holds, seconds, what):
    """What `holds` gave in the end, and after how many seconds."""
    began = time.monotonic()
    while True:
        value = holds()
        if value:
            return value, time.monotonic() - began
        if time.monotonic() - began > seconds:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.1)


def children(pid):
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class Site(unittest.TestCase):
    """A folder with conf/, channels/ and mappings/ of its own, and its daemon."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="carestream-daemon-")
        cls.site = Path(cls.folder.name)
        (cls.site / "conf").mkdir()
        (cls.site / "channels").mkdir()
        subprocess.run(["cp", "-r", HOME / "mappings", cls.site / "mappings"], check=True)
        cls.config = cls.site / "conf/carestream.yaml"
        cls.configure()
        cls.channel("adt")
        cls.daemon = Daemon(config=cls.config)

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()
        cls.folder.cleanup()

    @classmethod
    def configure(cls, fhir=""):
        text = (HOME / "conf/carestream.yaml").read_text().replace("\nadmin:", f"{fhir}\nadmin:")
        cls.config.write_text(text + "\nmappings: ../mappings\n")

    @classmethod
    def channel(cls, name, listen="${env:CARESTREAM_MLLP}", more="", mapping=""):
        file = cls.site / f"channels/{name}.yaml"
        file.write_text(CHANNEL.format(name=name, listen=listen, more=more, mapping=mapping))
        return file

    def status(self):
        return self.daemon.cli("status", check=False)

    def first_line(self):
        return self.status().stdout.splitlines()[0]

    def ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.daemon.admin_port}/ready", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def generation(self):
        return json.loads(self.daemon.cli("status", "--json", check=False).stdout)["generation"]


class Reload(Site):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.moving = free_port()
        cls.channel("other", f"127.0.0.1:{cls.moving}")
        cls.daemon.start()

    def hup(self):
        self.daemon.process.send_signal(signal.SIGHUP)

    def refused(self, break_it):
        """`break_it` writes a mistake and gives the file's name: neither way of reloading takes it."""
        link, before = MllpLink(self.daemon.mllp_port), self.generation()
        kept = {file: file.read_text() for file in self.site.rglob("*.yaml")}
        try:
            file = break_it()
            said = self.daemon.cli("reload", check=False)
            self.assertNotEqual(said.returncode, 0)
            self.assertIn(str(file), said.stderr)
            self.assertIn("generation in force stays", said.stderr)
            size = self.daemon.log_path.stat().st_size
            self.hup()
            until(lambda: str(file) in self.daemon.log_path.read_text()[size:], 10, "SIGHUP names the file")
            self.assertEqual(self.generation(), before)
            first = self.first_line()
            self.assertIn("the last reload was refused", first)
            self.assertIn(str(file), first)
            # The half that was good is not taken either.
            with socket.create_connection(("127.0.0.1", self.moving), 5):
                pass
            self.assertEqual(ack_code(link.send(message(f"R-{time.monotonic_ns()}"))), "AA")
        finally:
            for file, text in kept.items():
                file.write_text(text)
            link.close()
        self.daemon.cli("reload")
        self.assertEqual(self.first_line().split(",")[0], "ready")

    def test_a_broken_channel_changes_nothing(self):
        def break_it():
            self.channel("other", f"127.0.0.1:{free_port()}")
            file = self.site / "channels/adt.yaml"
            file.write_text(file.read_text() + "unknown_key: 1\n")
            return file
        self.refused(break_it)

    def test_a_broken_mapping_changes_nothing(self):
        def break_it():
            self.channel("other", f"127.0.0.1:{free_port()}")
            file = self.site / "mappings/segments/PID.Patient.yaml"
            file.write_text("map: PID -> Patien\n")
            return file
        self.refused(break_it)

    def test_a_listener_moves_and_other_links_stay(self):
        for way in ("reload", "SIGHUP"):
            with self.subTest(way):
                stays, closes = MllpLink(self.daemon.mllp_port), MllpLink(self.moving)
                before, old, new = self.generation(), self.moving, free_port()
                self.channel("other", f"127.0.0.1:{new}")
                if way == "reload":
                    said = self.daemon.cli("reload").stdout
                    self.assertIn("channel other: source changed", said)
                    self.assertNotIn("channel adt", said)
                else:
                    self.hup()
                until(lambda: self.generation() == before + 1, 15, "the next generation")
                type(self).moving = new
                with self.assertRaises(OSError):
                    socket.create_connection(("127.0.0.1", old), 2)
                with self.assertRaises(OSError):
                    closes.receive()
                moved = MllpLink(new)
                for link in (stays, moved):
                    self.assertEqual(ack_code(link.send(message(f"M-{time.monotonic_ns()}"))), "AA")
                    link.close()
                closes.close()

    def test_a_taken_port_refuses_and_is_named(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.channel("other", f"127.0.0.1:{port}")
            said = self.daemon.cli("reload", check=False)
            self.assertNotEqual(said.returncode, 0)
            for part in (str(port), str(os.getpid()), "'listen' of channel other"):
                self.assertIn(part, said.stderr)
        with socket.create_connection(("127.0.0.1", self.moving), 5):
            pass  # where it was, it listens again
        self.channel("other", f"127.0.0.1:{self.moving}")
        self.daemon.cli("reload")


class Status(Site):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.daemon.start()

    def test_all_well(self):
        said = self.status()
        self.assertEqual((said.returncode, said.stdout.splitlines()[0]), (0, "ready"))

    def test_postgres_killed_is_noticed_without_traffic(self):
        pid = self.daemon.postmaster_pid()
        # Stopped first, so that the daemon does not start another one before it is seen.
        os.kill(pid, signal.SIGSTOP)
        try:
            for child in children(pid):
                os.kill(child, signal.SIGKILL)
            until(lambda: not self.ready(), 10, "/ready turns false")
            began = time.monotonic()
            said = self.status()
            self.assertLess(time.monotonic() - began, 5)
        finally:
            os.kill(pid, signal.SIGKILL)
        self.assertEqual(said.returncode, 1)
        self.assertIn("PostgreSQL", said.stdout.splitlines()[0])
        until(self.ready, 60, "/ready turns true again")
        self.assertNotEqual(self.daemon.postmaster_pid(), pid)
        until(lambda: self.first_line() == "ready", 20, "ready again")

    def test_postgres_killed_at_once_comes_back(self):
        pid = self.daemon.postmaster_pid()
        os.kill(pid, signal.SIGKILL)
        until(lambda: not self.ready() or self.daemon.postmaster_pid() not in (pid, None), 15, "it is noticed")
        until(self.ready, 60, "/ready turns true again")
        until(lambda: self.first_line() == "ready", 20, "ready again")

    def test_a_hanging_database_does_not_hang_the_status(self):
        pid = self.daemon.postmaster_pid()
        stopped = (pid, *children(pid))
        for each in stopped:
            os.kill(each, signal.SIGSTOP)
        try:
            for _ in range(2):
                began = time.monotonic()
                said = self.status()
                self.assertLess(time.monotonic() - began, 5)
                self.assertEqual(said.returncode, 1)
                self.assertIn("the database does not answer", said.stdout.splitlines()[0])
                time.sleep(4)  # by then the journal has noticed too
            # A question that waits for the database holds up the status no more than the database does.
            with subprocess.Popen([binary_folder() / "carestream", "deadletters"], env=self.daemon.environment,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as waiting:
                time.sleep(0.5)
                began = time.monotonic()
                self.assertIn("the database does not answer", self.first_line())
                self.assertLess(time.monotonic() - began, 5)
                waiting.terminate()
        finally:
            for each in stopped:
                os.kill(each, signal.SIGCONT)
        until(lambda: self.first_line() == "ready", 60, "ready again")


class DeadLetters(Site):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.daemon.start()
        cls.link = MllpLink(cls.daemon.mllp_port)

    @classmethod
    def tearDownClass(cls):
        cls.link.close()
        super().tearDownClass()

    def dead(self, *names):
        """Numbers of messages that become dead letters: no identity."""
        for name in names:
            self.assertEqual(ack_code(self.link.send(message(name, "^^^MAIN^MR"))), "AA")
        seqs = []
        for name in names:
            def found():
                row = json.loads(self.daemon.cli("messages", "find", "--control-id", name, "--json").stdout)
                return [m["seq"] for m in row["messages"] if m["status"] == "dead-letter"]
            seqs += until(found, 20, f"{name} is a dead letter")[0]
        return seqs

    def test_status_and_replay(self):
        one, two, three = self.dead("D-1", "D-2", "D-3")
        first = self.first_line()
        self.assertIn("ready, 3 dead letters", first)
        self.assertIn("carestream deadletters groups", first)
        said = self.daemon.cli("deadletters", "replay", one, check=False)
        self.assertEqual(said.returncode, 1, said.stdout + said.stderr)
        self.assertRegex(said.stdout, rf"(?m)^{one} +dead again: map PID-\d\S*: \S+")
        said = self.daemon.cli("replay", one, "--no-wait")
        self.assertIn("1 message is processed again", said.stdout)
        until(lambda: self.first_line().startswith("ready, 3"), 20, "dead again")
        said = self.daemon.cli("deadletters", "replay", one, two, "--json", check=False)
        self.assertEqual(said.returncode, 1)
        answer = json.loads(said.stdout)
        self.assertEqual(answer["replayed"], [one, two])
        self.assertEqual(answer["counts"], {"processed": 0, "kept": 0, "dead_again": 2})
        self.assertEqual([m["seq"] for m in answer["messages"]], [one, two])
        self.assertEqual({m["status"] for m in answer["messages"]}, {"dead-letter"})
        self.assertTrue(all(m["reason"] and m["stage"] for m in answer["messages"]))
        # The channel does not map ADT any more: the next try keeps the message.
        file = self.site / "channels/adt.yaml"
        written = file.read_text()
        file.write_text(written.replace("[ADT]", "[SIU]"))
        self.daemon.cli("reload")
        self.addCleanup(self.daemon.cli, "reload")
        self.addCleanup(file.write_text, written)
        said = self.daemon.cli("deadletters", "replay", one)
        self.assertRegex(said.stdout, rf"(?m)^{one} +kept")
        said = self.daemon.cli("deadletters", "replay", "--stage", "map")
        self.assertRegex(said.stdout, r"2 messages: 0 processed, 2 kept, 0 dead again")
        self.assertEqual(self.first_line(), "ready")
        self.assertIn("0 messages", self.daemon.cli("deadletters", "replay", "--stage", "map").stdout)
        self.assertIn("--no-wait", self.daemon.cli("deadletters", "replay", "--help").stdout)

    def test_many_are_counted(self):
        seqs = self.dead(*(f"MANY-{number}" for number in range(25)))
        said = self.daemon.cli("deadletters", "replay", *seqs, check=False)
        self.assertEqual(said.returncode, 1)
        self.assertEqual(said.stdout.splitlines()[0], "25 messages: 0 processed, 0 kept, 25 dead again")
        self.assertIn("carestream deadletters groups", said.stdout)
        self.daemon.cli("deadletters", "discard", *seqs)


class Start(Site):
    """What is decided at the start: certificates, ports, the disk."""

    def setUp(self):
        self.configure()
        self.channel("adt")
        self.daemon.start()
        self.addCleanup(self.daemon.stop)

    def certificate(self, folder):
        (folder / "tls").mkdir(exist_ok=True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                        "-keyout", folder / "tls/own.key", "-out", folder / "tls/own.crt"],
                       check=True, capture_output=True)
        return folder / "tls/own.crt"

    def test_tls_from_relative_paths(self):
        self.daemon.stop()
        trusted = {port: self.certificate(self.site / folder) for port, folder in
                   ((self.daemon.fhir_port, "conf"), (self.daemon.mllp_port, "channels"))}
        tls = "{certificate: tls/own.crt, key: tls/own.key}"
        self.configure(f"  tls: {tls}\n")
        self.channel("adt", more=f", tls: {tls}")
        self.daemon.start()
        context = ssl.create_default_context(cafile=trusted[self.daemon.fhir_port])
        with urllib.request.urlopen(f"https://127.0.0.1:{self.daemon.fhir_port}/fhir/r4/metadata",
                                    context=context, timeout=20) as answer:
            self.assertEqual(json.load(answer)["fhirVersion"], "4.0.1")
        context = ssl.create_default_context(cafile=trusted[self.daemon.mllp_port])
        link = MllpLink(self.daemon.mllp_port)
        link.socket = context.wrap_socket(link.socket, server_hostname="localhost")
        self.assertEqual(ack_code(link.send(message("TLS-1"))), "AA")
        link.close()

    def test_a_taken_port_names_its_holder_and_what_moves_it(self):
        self.daemon.stop()
        for key, variable in (("fhir_port", "CARESTREAM_FHIR"), ("admin_port", "CARESTREAM_ADMIN"),
                              ("mllp_port", "CARESTREAM_MLLP")):
            port = getattr(self.daemon, key)
            with self.subTest(key), socket.create_server(("127.0.0.1", port)):
                self.taken(port, variable)
        written = self.config.read_text()
        for key, variable in (("fhir.listen", "CARESTREAM_FHIR"), ("admin.listen", "CARESTREAM_ADMIN")):
            with self.subTest(key), socket.create_server(("127.0.0.1", 0)) as server:
                port = server.getsockname()[1]
                text = "".join(f'  listen: "127.0.0.1:{port}"\n' if variable in line else line
                               for line in written.splitlines(keepends=True))
                self.config.write_text(text)
                self.taken(port, key)

    def taken(self, port, mover):
        done = subprocess.run([binary_folder() / "carestreamd", "--config", self.config],
                              env=self.daemon.environment, capture_output=True, text=True, timeout=60, cwd=HOME)
        self.assertEqual(done.returncode, 1)
        for part in (str(port), f"pid {os.getpid()}", mover):
            self.assertIn(part, done.stderr)

    def test_disk_below_the_limit(self):
        self.daemon.stop()
        self.daemon.environment["CARESTREAM_DISK_FREE_MIN"] = "1000000GiB"
        try:
            self.daemon.start(until="health")
            until(lambda: self.status().stdout, 60, "the status is answered")
            first, _ = until(lambda: "disk" in self.first_line() and self.first_line(), 30, "the disk is named")
        finally:
            del self.daemon.environment["CARESTREAM_DISK_FREE_MIN"]
        for part in ("store.disk_free_min", str(self.daemon.state)):
            self.assertIn(part, first)
        self.assertFalse(self.ready())


if __name__ == "__main__":
    unittest.main(verbosity=2)
