#!/usr/bin/env python3
"""Goal: what a patient reports reaches the EHR, the clinic hears of a red flag whatever the EHR does, and the
patient reads the true state of the delivery. Method: a real daemon with tokens, an app that posts a PHQ-9, a
websocket of the clinic, an EHR that accepts, refuses and is silent, kill -9."""
import json
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from auth_test import ask, token  # noqa: E402
from daemon import HOME, Daemon, MllpLink, ack_code, free_port  # noqa: E402
from ehr import Answer, Ehr, field  # noqa: E402
from outbound_test import FEED, adt  # noqa: E402
from subscriptions_test import status_of, subscription  # noqa: E402
from websocket import WebSocket  # noqa: E402

CONFIG = """
state: "${{env:CARESTREAM_STATE}}"
fhir: {{listen: "${{env:CARESTREAM_FHIR}}"}}
admin: {{listen: "${{env:CARESTREAM_ADMIN}}"}}
channels: {folder}/channels
mappings: {home}/mappings
auth: {{mode: tokens, local_tokens: true}}
"""
REPORTS = """channel: reports-to-ehr
system: ehr
source: {{topic: [report]}}
destination: {{mllp: {{connect_to: "127.0.0.1:{port}", ack_timeout: 1s}}}}
retry: {{first: 100ms, max: 200ms}}
render: {{event: ORU^R01, receiving_application: EHR}}
on_ambiguous: flag
"""
ITEMS = ["44250-9", "44255-8", "44259-0", "44254-1", "44251-7", "44258-2", "44252-5", "44253-3", "44260-8"]
CODES = ["LA6568-5", "LA6569-3", "LA6570-1", "LA6571-9"]


def phq9(patient, points):
    return {"resourceType": "QuestionnaireResponse", "status": "completed", "authored": "2026-05-04T10:00:00Z",
            "questionnaire": "urn:carestream:questionnaire:phq-9|1.0",
            "subject": {"reference": f"Patient/{patient}"}, "author": {"reference": f"Patient/{patient}"},
            "item": [{"linkId": item, "answer": [{"valueCoding": {
                "system": "http://loinc.org", "code": CODES[n]}}]} for item, n in zip(ITEMS, points)]}


class Reports(unittest.TestCase):
    def setUp(self):
        self.ehr = Ehr()
        self.ehr.__enter__()
        self.addCleanup(self.ehr.down)
        folder = tempfile.TemporaryDirectory(prefix="carestream-reports-")
        self.addCleanup(folder.cleanup)
        (Path(folder.name) / "channels").mkdir()
        config = Path(folder.name) / "reports.yaml"
        config.write_text(CONFIG.format(folder=folder.name, home=HOME))
        port = free_port()
        (Path(folder.name) / "channels/feed.yaml").write_text(FEED.format(name="feed", system="ehr", port=port))
        (Path(folder.name) / "channels/reports-to-ehr.yaml").write_text(REPORTS.format(port=self.ehr.port))
        self.daemon = Daemon(config)
        self.addCleanup(self.daemon.close)
        self.daemon.start()
        self.staff = token(self.daemon.state, "--scope", "system/*.cruds")[1]
        link = MllpLink(port)
        self.assertEqual(ack_code(link.send(adt("P1"))), "AA")
        link.close()
        self.patient = self.search("Patient?identifier=100", self.staff)[0]["id"]
        self.mine = token(self.daemon.state, "--patient", self.patient, "--scope", "patient/*.cruds")[1]

    def search(self, path, who, timeout_s=20):
        """The matches, once there are any."""
        deadline = time.monotonic() + timeout_s
        while True:
            status, _, bundle = ask(f"{self.daemon.fhir}/{path}", who)
            self.assertEqual(status, 200, bundle)
            if bundle.get("entry"):
                return [entry["resource"] for entry in bundle["entry"]]
            if time.monotonic() > deadline:
                self.fail(f"nothing is found by {path}")
            time.sleep(0.05)

    def report(self, points):
        status, _, made = ask(f"{self.daemon.fhir}/QuestionnaireResponse", self.mine, phq9(self.patient, points))
        self.assertEqual(status, 201, made)
        return made

    def wait_for_task(self, report, state, timeout_s=5):
        """The patient's own view of the delivery, once it is so: "completed accepted"."""
        deadline = time.monotonic() + timeout_s
        said = None
        while time.monotonic() < deadline:
            bundle = ask(f"{self.daemon.fhir}/Task?focus=QuestionnaireResponse/{report}", self.mine)[2]
            for entry in bundle.get("entry", []):
                task = entry["resource"]
                said = f"{task['status']} {task['businessStatus']['coding'][0]['code']}"
                if said == state:
                    return task
            time.sleep(0.05)
        self.fail(f"the task says {said}, not {state}\n{self.daemon.log_tail()}")

    def clinic(self, topic):
        """A websocket that hears of a topic."""
        status, _, made = ask(f"{self.daemon.fhir}/Subscription", self.staff,
                              subscription({"type": "websocket"}, topic, "full-resource"))
        self.assertEqual(status, 201, made)
        for _ in range(200):
            status, _, answer = ask(f"{self.daemon.fhir}/Subscription/{made['id']}/$get-ws-binding-token", self.staff)
            if status == 200:
                break
        values = {p["name"]: next(v for k, v in p.items() if k.startswith("value")) for p in answer["parameter"]}
        client = WebSocket("127.0.0.1", self.daemon.fhir_port, "/fhir/r4/websocket")
        self.addCleanup(client.close)
        client.send("bind-with-token " + values["token"])
        self.assertEqual(status_of(json.loads(client.receive()))["type"], "handshake")
        return client

    def test_a_red_flag_reaches_clinic_and_ehr_and_the_patient_reads_the_truth(self):
        self.search("Questionnaire?url=urn:carestream:questionnaire:phq-9", self.staff)
        self.assertEqual(ask(f"{self.daemon.fhir}/Questionnaire/phq-9", self.mine)[0], 200)
        clinic = self.clinic("red-flag")
        made = self.report([0, 0, 0, 0, 0, 0, 0, 0, 1])
        flags = [e for e in made["extension"] if e["url"] == "urn:carestream:red-flag"]
        self.assertEqual(len(flags), 1)
        text = next(p["valueString"] for p in flags[0]["extension"] if p["url"] == "text")
        self.assertIn("emergency", text)
        told = json.loads(clinic.receive())
        flag = told["entry"][1]["resource"]
        self.assertEqual((flag["resourceType"], flag["status"]), ("Flag", "active"))
        self.assertEqual(flag["subject"]["reference"], f"Patient/{self.patient}")
        message = self.ehr.wait(1)[0]
        self.assertEqual(field(message, "MSH", 9), "ORU^R01^ORU_R01")
        self.assertEqual(field(message, "PID", 3).split("^")[0], "100")
        answers = {line.split("|")[3].split("^")[0]: line.split("|")[5].split("^")[0]
                   for line in message.split("\r") if line.startswith("OBX")}
        self.assertEqual(answers["44260-8"], "LA6569-3")
        task = self.wait_for_task(made["id"], "completed accepted")
        self.assertNotIn("seen", json.dumps(task))
        score = self.search("Observation?code=http://loinc.org|44261-6", self.mine)[0]
        self.assertEqual(score["valueQuantity"]["value"], 1)
        self.assertEqual(score["derivedFrom"][0]["reference"], f"QuestionnaireResponse/{made['id']}/_history/1")

    def test_refused_silent_and_down_are_told_as_such(self):
        clinic = self.clinic("red-flag")
        self.ehr.next(Answer("AE", error="ERR||PID^1^3|204"), Answer(drop=True))
        refused = self.report([0] * 9)
        task = self.wait_for_task(refused["id"], "failed rejected")
        self.assertEqual(task["statusReason"]["text"],
                         "answered AE, Unknown key identifier (error 204 of table 0357)")
        silent = self.report([1] + [0] * 8)
        self.wait_for_task(silent["id"], "on-hold clarifying", 20)
        self.ehr.down()
        waiting = self.report([0] * 8 + [2])
        self.wait_for_task(waiting["id"], "requested waiting")
        # The EHR is down, and the clinic hears of the red flag all the same.
        told = json.loads(clinic.receive())
        self.assertEqual(told["entry"][1]["resource"]["code"]["coding"][0]["code"], "self-harm")
        self.daemon.kill()
        self.daemon.start()
        self.assertEqual(len(self.search("Flag", self.staff)), 1)
        self.assertEqual(len(self.search("Task", self.mine)), 3)
        self.ehr.up()
        self.wait_for_task(waiting["id"], "completed accepted", 20)
        self.assertEqual(len(self.search("Observation?category=survey", self.mine)), 3)


if __name__ == "__main__":
    unittest.main()
