#!/usr/bin/env python3
"""Goal: a message of the hospital reaches the patient's websocket and an app's rest-hook, numbered and without
gaps, also when the daemon is killed in between; nobody hears of another patient. Method: a real daemon with
tokens, a feed over MLLP, a websocket and an HTTP receiver."""
import json
import os
import sys
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from auth_test import ask, token  # noqa: E402
from daemon import HOME, Daemon  # noqa: E402
from websocket import WebSocket  # noqa: E402

CONFIG = f"""
state: "${{env:CARESTREAM_STATE}}"
fhir: {{listen: "${{env:CARESTREAM_FHIR}}"}}
admin: {{listen: "${{env:CARESTREAM_ADMIN}}"}}
channels: {HOME}/channels
mappings: {HOME}/mappings
auth: {{mode: tokens, local_tokens: true}}
subscriptions:
  plain_hosts: [127.0.0.1]
  private_networks: [127.0.0.0/8]
  signature_secret: not-a-secret
"""
BACKPORT = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"


class Receiver:
    """Keeps what was posted; answers 200, or 503 while `down`."""

    def __init__(self):
        self.bundles = []
        self.headers = []
        self.down = False
        self.changed = threading.Condition()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer.changed:
                    status = 503 if outer.down else 200
                    if status == 200:
                        outer.bundles.append(body)
                        outer.headers.append(dict(self.headers))
                    outer.changed.notify_all()
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def numbers(self):
        return [number for bundle in self.bundles for number in numbers(bundle)]

    def wait(self, condition):
        with self.changed:
            return self.changed.wait_for(condition, 30)


def status_of(bundle):
    return {p["name"]: next((v for k, v in p.items() if k.startswith("value")), None)
            for p in bundle["entry"][0]["resource"]["parameter"]}


def numbers(bundle):
    return [int(p["part"][0]["valueString"]) for p in bundle["entry"][0]["resource"]["parameter"]
            if p["name"] == "notification-event"]


def subscription(channel, topic="result", content="id-only"):
    payload = {"payload": "application/fhir+json",
               "_payload": {"extension": [{"url": BACKPORT + "backport-payload-content", "valueCode": content}]}}
    return {"resourceType": "Subscription", "status": "requested", "reason": "test",
            "criteria": "urn:carestream:topic:" + topic, "channel": {**channel, **payload}}


def result(control, mrn, value, sent="20261129120000"):
    return "\r".join([
        f"MSH|^~\\&|LAB|MAIN|CS|MAIN|{sent}||ORU^R01^ORU_R01|{control}|P|2.5.1",
        f"PID|1||{mrn}^^^MAIN^MR||Roe^Jane||19800102|F",
        f"OBR|1||F{control}|718-7^Hemoglobin^LN|||20261129110000||||||||||||||||||F",
        f"OBX|1|NM|718-7^Hemoglobin^LN||{value}|g/dL|||||F",
    ]) + "\r"


class Subscriptions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="carestream-subscriptions-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        config = cls.folder / "tokens.yaml"
        config.write_text(CONFIG)
        cls.daemon = Daemon(config)
        cls.addClassCleanup(cls.daemon.close)
        cls.daemon.start()
        cls.staff = token(cls.daemon.state, "--scope", "system/*.cruds")[1]

    def feed(self, *messages):
        for number, message in enumerate(messages):
            file = self.folder / f"{os.urandom(4).hex()}-{number}.hl7"
            file.write_text(message)
            self.daemon.cli("send", "--to", f"127.0.0.1:{self.daemon.mllp_port}", file)

    def patient(self, mrn):
        for _ in range(200):
            found = ask(f"{self.daemon.fhir}/Patient?identifier={mrn}", self.staff)[2]
            if found.get("entry"):
                return found["entry"][0]["resource"]["id"]
        self.fail("the patient did not come")

    def subscribe(self, who, resource):
        status, _, made = ask(f"{self.daemon.fhir}/Subscription", who, resource)
        self.assertEqual(status, 201, made)
        return made["id"]

    def socket(self, who, subscription_id):
        for _ in range(100):
            status, _, answer = ask(
                f"{self.daemon.fhir}/Subscription/{subscription_id}/$get-ws-binding-token", who)
            if status == 200:
                break
        self.assertEqual(status, 200, answer)
        values = {p["name"]: next(v for k, v in p.items() if k.startswith("value")) for p in answer["parameter"]}
        self.assertEqual(values["websocket-url"],
                         f"ws://127.0.0.1:{self.daemon.fhir_port}/fhir/r4/websocket")
        client = WebSocket("127.0.0.1", self.daemon.fhir_port, "/fhir/r4/websocket")
        client.send("bind-with-token " + values["token"])
        return client

    def test_from_the_hospital_to_the_patient(self):
        self.feed(result("W0", "501", "11.0"), result("W1", "502", "11.0"))
        jane, other = self.patient("501"), self.patient("502")
        mine = token(self.daemon.state, "--patient", jane, "--scope", "patient/*.cruds")[1]
        subscription_id = self.subscribe(mine, subscription({"type": "websocket"}, content="full-resource"))
        client = self.socket(mine, subscription_id)
        self.addCleanup(client.close)
        self.assertEqual(status_of(json.loads(client.receive()))["type"], "handshake")
        self.feed(result("W2", "502", "9.0"), result("W3", "501", "12.5"))
        told = json.loads(client.receive())
        self.assertEqual(status_of(told)["type"], "event-notification")
        self.assertEqual(numbers(told), [1])
        report = told["entry"][1]["resource"]
        self.assertEqual(report["resourceType"], "DiagnosticReport")
        self.assertEqual(report["subject"]["reference"], f"Patient/{jane}")
        self.assertNotIn(other, json.dumps(told))
        # Another log-in's subscription is not there for a patient, nor can it be bound.
        theirs = token(self.daemon.state, "--patient", other, "--scope", "patient/*.cruds")[1]
        status, _, _ = ask(f"{self.daemon.fhir}/Subscription/{subscription_id}/$get-ws-binding-token", theirs)
        self.assertEqual(status, 404)
        stranger = WebSocket("127.0.0.1", self.daemon.fhir_port, "/fhir/r4/websocket")
        self.addCleanup(stranger.close)
        stranger.send("bind " + subscription_id)
        self.assertTrue(stranger.receive().startswith("error"))

    def test_a_hook_misses_nothing_over_kill_9(self):
        receiver = Receiver()
        self.addCleanup(receiver.server.shutdown)
        subscription_id = self.subscribe(
            self.staff, subscription({"type": "rest-hook", "endpoint": receiver.url,
                                      "header": ["X-App: one"]}))
        self.assertTrue(receiver.wait(lambda: len(receiver.bundles) == 1))
        self.assertEqual(status_of(receiver.bundles[0])["type"], "handshake")
        self.assertEqual(receiver.headers[0]["X-App"], "one")
        self.assertIn("v1=", receiver.headers[0]["X-CareStream-Signature"])
        self.feed(result("K1", "601", "10.0"))
        self.assertTrue(receiver.wait(lambda: 1 in receiver.numbers()))
        receiver.down = True
        self.feed(*[result(f"K{n}", "601", f"1{n}.0") for n in range(2, 6)])
        self.daemon.kill()
        receiver.down = False
        self.daemon.start()
        self.feed(result("K6", "601", "16.0"))
        self.assertTrue(receiver.wait(lambda: 6 in receiver.numbers()), receiver.numbers())
        seen = receiver.numbers()
        self.assertEqual(sorted(set(seen)), [1, 2, 3, 4, 5, 6])
        first = [seen.index(number) for number in range(1, 7)]
        self.assertEqual(first, sorted(first), "in order")
        events = ask(f"{self.daemon.fhir}/Subscription/{subscription_id}/$events?eventsSinceNumber=3"
                     "&eventsUntilNumber=5", self.staff)[2]
        self.assertEqual(numbers(events), [3, 4, 5])

    def test_a_message_that_fails_reaches_staff_without_a_word_of_the_patient(self):
        subscription_id = self.subscribe(self.staff, subscription(
            {"type": "websocket"}, topic="message-failed", content="full-resource"))
        client = self.socket(self.staff, subscription_id)
        self.addCleanup(client.close)
        self.assertEqual(status_of(json.loads(client.receive()))["type"], "handshake")
        broken = result("B1", "", "1.0").replace("PID|1||^^^MAIN^MR||Roe^Jane", "PID|1||||Roe^Jane")
        self.feed(broken, broken.replace("|B1|", "|B2|"))
        told = json.loads(client.receive())
        self.assertEqual(status_of(told)["type"], "event-notification")
        task = told["entry"][1]["resource"]
        self.assertEqual(task["resourceType"], "Task")
        self.assertEqual(task["code"]["coding"][0]["code"], "message-failed")
        values = {i["type"]["coding"][0]["code"]: i for i in task["input"]}
        self.assertGreaterEqual(values["count"]["valueInteger"], 1)
        for word in ("Roe", "Jane", "1980"):
            self.assertNotIn(word, json.dumps(told))
        shown = self.daemon.cli("messages", "show", values["message"]["valueString"]).stdout
        self.assertIn("dead", shown)

    def test_private_addresses_need_to_be_allowed(self):
        status, _, outcome = ask(f"{self.daemon.fhir}/Subscription", self.staff,
                                 subscription({"type": "rest-hook", "endpoint": "http://10.0.0.1/hook"}))
        self.assertEqual(status, 422, outcome)
        made = self.subscribe(self.staff,
                              subscription({"type": "rest-hook", "endpoint": "https://10.0.0.1/hook"}))
        for _ in range(400):
            found = ask(f"{self.daemon.fhir}/Subscription/{made}", self.staff)[2]
            if found["status"] == "error":
                break
        self.assertEqual(found["status"], "error", found)
        self.assertIn("private", found["error"])


if __name__ == "__main__":
    unittest.main()
