#!/usr/bin/env python3
"""Goal: one day between a patient's app and a hospital goes as all who take part expect. Method: the real daemon,
an OpenID provider, a feed, an EHR and websockets, all of it over TLS; the steps in the order of a day."""
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from clinic_site import App, ClinicSite  # noqa: E402
from ehr import Answer, field  # noqa: E402

RED_FLAG = {"pain": ("valueInteger", 6), "temperature": ("valueDecimal", 37.4), "chills": ("valueBoolean", False),
            "bleeding": ("valueCoding", {"code": "none"}), "wound-open": ("valueBoolean", False),
            "chest-pain": ("valueBoolean", True), "breath": ("valueBoolean", False), "calf": ("valueBoolean", False),
            "vomiting": ("valueCoding", {"code": "none"}), "urine": ("valueBoolean", False)}


def coding_system(site, item, code):
    """As the questionnaire of the server says it."""
    form = site.one("Questionnaire?url=urn:carestream:questionnaire:post-operative")
    for one in form["item"]:
        for option in one.get("answerOption", []):
            if one["linkId"] == item and option["valueCoding"]["code"] == code:
                return option["valueCoding"]
    raise AssertionError(f"{item} has no option {code}")


def position_of(encounter):
    for extension in encounter.get("extension", []):
        if extension["url"] == "urn:carestream:queue":
            return next(e["valuePositiveInt"] for e in extension["extension"] if e["url"] == "position")
    return 0


class Day(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(ClinicSite(tls=True))

    def assertNoGaps(self, watch):
        self.assertEqual(watch.numbers, list(range(1, len(watch.numbers) + 1)))

    def test_a_day_in_the_clinic(self):
        site = self.site
        # The feed brings the patients.
        jane, ben = site.register("100", "Roe^Jane"), site.register("200", "Sample^Ben")

        # The app logs in, is linked by the clinic's code, and sees its own patient only.
        app = App(site, "ann", site.link_code(jane))
        self.assertEqual(app.patient, jane)
        self.assertEqual(app.request("GET", f"Patient/{ben}")[0], 404)
        told = {topic: app.watch(topic) for topic in ("booking", "appointment", "waiting-room", "result", "report-delivery")}
        for watch in told.values():
            self.addCleanup(watch.close)
        board, flags = site.watch("waiting-room"), site.watch("red-flag")
        for watch in (board, flags):
            self.addCleanup(watch.close)

        # It books; the EHR takes it.
        slots = app.free_slots()
        status, _, booked = app.book(slots[0][0])
        self.assertEqual(status, 201, booked)
        self.assertEqual(booked["status"], "pending")
        told["appointment"].until(lambda one: one["id"] == booked["id"] and one["status"] == "booked")
        message = site.ehr.wait(1)[0]
        self.assertEqual(field(message, "MSH", 9).split("^")[1], "S12")
        self.assertEqual(field(message, "PID", 3).split("^")[0], "100")

        # The EHR rejects another one: freed, and the patient is told why.
        site.ehr.next(Answer("AE", error="ERR|||207^Application error^HL70357|E"))
        status, _, refused = app.book(slots[1][0])
        self.assertEqual(status, 201, refused)
        refused = told["appointment"].until(lambda one: one["id"] == refused["id"] and one["status"] == "cancelled")
        self.assertIn("cancelationReason", refused)
        self.assertIn(slots[1][0], [slot for slot, _ in app.free_slots()])

        # Ben is registered at the desk; Jane checks in by her app and is second.
        site.visit("A04", "200", "Sample^Ben", "V-200")
        bens = board.until(lambda one: position_of(one) == 1)
        self.assertEqual(bens["subject"]["reference"], f"Patient/{ben}")
        status, _, visit = app.request("POST", f"Appointment/{booked['id']}/$check-in")
        self.assertEqual(status, 201, visit)
        self.assertEqual(visit["status"], "arrived")
        mine = told["waiting-room"].until(lambda one: position_of(one) == 2)
        self.assertEqual(mine["id"], visit["id"])
        # Ben is called: Jane moves up, and only her own visit was ever told to her.
        site.visit("A02", "200", "Sample^Ben", "V-200", "CLIN1^ROOM1^^MAIN")
        told["waiting-room"].until(lambda one: one["id"] == visit["id"] and position_of(one) == 1)
        self.assertEqual(app.request("GET", f"Encounter/{bens['id']}")[0], 404)
        for step in ("triaged", "in-progress", "finished"):
            current = site.staff_request("GET", f"Encounter/{visit['id']}")[2]
            site.put(f"Encounter/{visit['id']}", {**current, "status": step})
        done = told["waiting-room"].until(lambda one: one["status"] == "finished")
        self.assertEqual([entry["status"] for entry in done["statusHistory"]],
                         ["arrived", "triaged", "in-progress", "finished"])
        self.assertEqual(position_of(done), 0)
        site.visit("A03", "200", "Sample^Ben", "V-200", "CLIN1^ROOM1^^MAIN")
        board.until(lambda one: one["id"] == bens["id"] and one["status"] == "finished")

        # A result arrives, and is corrected.
        site.result("100", "Roe^Jane", "11.2")
        report = told["result"].until(lambda one: one["status"] == "final")
        value = app.read(report["result"][0]["reference"])
        self.assertEqual(str(value["valueQuantity"]["value"]), "11.2")
        site.result("100", "Roe^Jane", "12.1", status="C")
        again = told["result"].until(lambda one: one["status"] != "final")
        self.assertEqual(again["id"], report["id"])
        self.assertEqual(again["status"], "corrected")
        self.assertEqual(str(app.read(report["result"][0]["reference"])["valueQuantity"]["value"]), "12.1")
        history = app.read(f"DiagnosticReport/{report['id']}/_history")
        self.assertGreaterEqual(len(history["entry"]), 2)

        # A symptom report with a red flag: the emergency text at once, the clinic hears it, the EHR takes it.
        items = [{"linkId": item, "answer": [{kind: coding_system(site, item, value["code"])
                                              if kind == "valueCoding" else value}]}
                 for item, (kind, value) in RED_FLAG.items()]
        status, _, response = app.request("POST", "QuestionnaireResponse", {
            "resourceType": "QuestionnaireResponse", "status": "completed", "authored": "2026-05-04T10:00:00Z",
            "questionnaire": "urn:carestream:questionnaire:post-operative|1.0",
            "subject": {"reference": f"Patient/{jane}"}, "author": {"reference": f"Patient/{jane}"}, "item": items})
        self.assertEqual(status, 201, response)
        self.assertIn("emergency number", str(response["extension"]))
        flag = flags.until(lambda one: one["resourceType"] == "Flag")
        self.assertEqual(flag["subject"]["reference"], f"Patient/{jane}")
        sent = site.ehr.wait(3, timeout_s=20)[2]
        self.assertEqual(field(sent, "MSH", 9).split("^")[:2], ["ORU", "R01"])
        task = told["report-delivery"].until(
            lambda one: one["businessStatus"]["coding"][0]["code"] == "accepted")
        self.assertEqual(task["status"], "completed")

        for watch in (*told.values(), board, flags):
            self.assertNoGaps(watch)
        self.assertEqual(site.daemon.cli("bookings", "--status", "ambiguous").returncode, 0)
        self.assertNotIn("Roe", site.daemon.log_path.read_text(errors="replace"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
