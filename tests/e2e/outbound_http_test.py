#!/usr/bin/env python3
"""Goal: messages and resources go out by HTTP once and in order, whatever the receiver answers; mistakes in
a channel's file are named. Method: a real daemon, an HTTP server that does what a test says."""
import http.server
import json
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from daemon import binary_folder  # noqa: E402
from outbound_site import Site, adt  # noqa: E402

FORWARD = """channel: out
source: {{channel: feed}}
destination: {{http: {{url: "http://127.0.0.1:{port}/hl7", answer_timeout: 2s{http}}}}}
retry: {{first: 100ms, max: 200ms}}
{more}
"""
RESOURCES = """channel: resources
source: {{topic: [appointment]}}
destination: {{http: {{url: "http://127.0.0.1:{port}/fhir", bearer: "${{file:{token}}}"}}}}
render:
  event: FHIR
  events: [{{when: "status=proposed"}}]
"""


def control_id(request):
    return request["body"].split("\r")[0].split("|")[9]


def ack(code, of):
    return f"MSH|^~\\&|EHR|MAIN|CS|MAIN|20260305082001||ACK|A{of}|P|2.5.1\rMSA|{code}|{of}\r"


class Receiver:
    """Answers (status, headers, body) as told, 200 when it was told nothing; None: hangs up without a word."""

    def __init__(self):
        self.requests, self.answers, self.changed = [], [], threading.Condition()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                with receiver.changed:
                    receiver.requests.append({"path": self.path, "headers": self.headers, "body": body})
                    answer = receiver.answers.pop(0) if receiver.answers else (200, {}, "")
                    receiver.changed.notify_all()
                if answer is None:
                    self.close_connection = True
                    return
                status, headers, text = answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def wait(self, count):
        with self.changed:
            there = self.changed.wait_for(lambda: len(self.requests) >= count, 20)
        assert there, f"{len(self.requests)} requests, not {count}"
        return self.requests


class Http(unittest.TestCase):
    def test_messages_are_forwarded_in_order_and_answers_have_their_consequences(self):
        with Receiver() as receiver, Site(out=FORWARD.format(
                port=receiver.port, http="", more="on_ambiguous: flag")) as site:
            receiver.answers = [
                (200, {}, ""), (202, {}, ack("AA", "M1")), (200, {}, ack("AE", "M2")), (400, {}, "Jane"),
                (503, {"Retry-After": "1"}, ""), (200, {}, ""), (500, {}, ""), (410, {}, ""), None, (200, {}, "")]
            messages = [adt(f"M{i}") for i in range(8)]
            site.send(*messages)
            requests = receiver.wait(10)
            self.assertEqual([control_id(r) for r in requests],
                             ["M0", "M1", "M2", "M3", "M4", "M4", "M5", "M5", "M6", "M7"])
            self.assertEqual(requests[0]["body"], messages[0])
            self.assertEqual(requests[0]["headers"]["Content-Type"], "application/hl7-v2")
            self.assertEqual(requests[0]["path"], "/hl7")
            deadline = time.monotonic() + 10
            states = []
            while time.monotonic() < deadline and states[-1:] != ["acked"]:
                states = [m["state"] for m in site.outbound("queued,sending,acked,nacked,ambiguous")]
                time.sleep(0.1)
            self.assertEqual(states, ["acked", "acked", "nacked", "nacked", "acked", "nacked", "ambiguous", "acked"])
            nacked = site.outbound("nacked")
            self.assertEqual([m["answer"] for m in nacked], ["AE", "400", "410"])
            # What came back is kept sealed, for who looks at the message.
            self.assertIn("Jane", site.daemon.cli("outbound", "show", nacked[1]["number"]).stdout)
            # Staff is told.
            tasks = site.daemon.wait_for("Task", count=2, code="urn:carestream:task|message-failed")["entry"]
            self.assertEqual({task["resource"]["businessStatus"]["coding"][0]["code"] for task in tasks},
                             {"refused", "ambiguous"})
            site.daemon.cli("outbound", "replay", nacked[1]["number"])
            self.assertEqual(control_id(receiver.wait(11)[-1]), "M3")

    def test_a_receiver_that_is_down_gets_everything_later(self):
        with Receiver() as receiver:
            port = receiver.port
        with Site(out=FORWARD.format(port=port, http="", more="")) as site:
            site.send(adt("D0"), adt("D1"))
            deadline = time.monotonic() + 20
            while "retrying" not in site.daemon.cli("status", check=False).stdout:
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.1)
            self.assertEqual({m["state"] for m in site.outbound()}, {"queued"})
            back = Receiver()
            back.server.server_close()
            again = http.server.ThreadingHTTPServer(("127.0.0.1", port), back.server.RequestHandlerClass)
            threading.Thread(target=again.serve_forever, daemon=True).start()
            self.assertEqual([control_id(r) for r in back.wait(2)], ["D0", "D1"])
            site.wait(0)
            again.shutdown()
            again.server_close()

    def test_resources_go_out_as_fhir(self):
        with Receiver() as receiver:
            with Site() as site:
                token = Path(site.folder.name) / "token"
                token.write_text("s3cret\n")
                site.write("resources", RESOURCES.format(port=receiver.port, token=token))
                site.daemon.cli("reload")
                for status in ("proposed", "booked"):
                    site.daemon.request("PUT", "Appointment/a1", {
                        "resourceType": "Appointment", "id": "a1", "status": status,
                        "participant": [{"status": "accepted", "actor": {"display": "Room 1"}}]})
                request = receiver.wait(1)[0]
                site.wait(0)
                self.assertEqual(len(receiver.requests), 1)
                self.assertEqual(request["headers"]["Content-Type"], "application/fhir+json")
                self.assertEqual(request["headers"]["Authorization"], "Bearer s3cret")
                sent = json.loads(request["body"])
                self.assertEqual((sent["id"], sent["status"], sent["meta"]["versionId"]), ("a1", "booked", "2"))
                self.assertNotIn("s3cret", site.daemon.log_path.read_text())

    def test_mistakes_are_named(self):
        with Site() as site:
            for text, expected in (
                    (FORWARD.format(port=1, http=", acknowledgement: none", more=""), "did you mean 'acknowledgment'"),
                    (FORWARD.format(port=1, http=", headers: {Host: x}", more=""), "Host"),
                    (FORWARD.format(port=1, http="", more="").replace("127.0.0.1", "ehr.test"), "'plain: true'"),
                    (RESOURCES.format(port=1, token="/absent/token"), "/absent/token"),
                    (RESOURCES.format(port=1, token="/dev/null") + "  on_delete: FHIR\n", "a deleted resource"),
                    (RESOURCES.format(port=1, token="/dev/null") + "edit: {PID-3: x}\n", "'edit' is about HL7 v2"),
                    ("channel: r\nsource: {topic: [appointment]}\nrender: {event: FHIR}\n"
                     "destination: {mllp: {connect_to: \"127.0.0.1:1\"}}\n", "carries HL7 v2 only")):
                site.write("wrong", text)
                linted = subprocess.run([binary_folder() / "carestream", "lint", site.folder.name],
                                        capture_output=True, text=True)
                self.assertNotEqual(linted.returncode, 0, text)
                self.assertIn(expected, linted.stdout + linted.stderr)
                self.assertIn("wrong.yaml:", linted.stdout + linted.stderr)


if __name__ == "__main__":
    unittest.main()
