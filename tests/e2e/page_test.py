#!/usr/bin/env python3
"""Goal: a patient does everything at the page, with a mouse, by keyboard, on a phone, and reads the truth.
Method: Chromium (page_test.mjs) against a real daemon, a real provider and an EHR that accepts, refuses and is slow."""
import os
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from clinic_site import matches, until  # noqa: E402
from ehr import Answer  # noqa: E402
from page_site import PageSite, serve  # noqa: E402


class Page(unittest.TestCase):
    def setUp(self):
        self.site = self.enterContext(PageSite())
        self.go = threading.Event()
        self.go.set()
        self.site.ehr.on_message = lambda _: self.go.wait(4)

    def oru(self, code, name, value, order, when, flag, status):
        self.site.oru(code, name, value, order=order, when=when, flag=flag, status=status)

    def visit(self, name, status, minutes_ago, **more):
        began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60 * minutes_ago))
        self.site.put(f"Encounter/{name}", {
            "resourceType": "Encounter", "id": name, "status": status,
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "period": {"start": began}, "location": [{"location": {"reference": "Location/room-2"}}], **more})

    def wait_in_line(self):
        """The patient has come after two others."""
        self.visit("other-1", "arrived", 30)
        self.visit("other-2", "arrived", 20)
        self.visit("waits", "arrived", 10, subject={"reference": f"Patient/{self.site.patient}"})

    def call_the_others(self):
        self.visit("other-1", "in-progress", 30)
        self.visit("other-2", "in-progress", 20)

    def call(self):
        self.visit("waits", "in-progress", 10, subject={"reference": f"Patient/{self.site.patient}"})

    def appointment_in_minutes(self, minutes):
        """The hospital's, at the clinic; the start."""
        start, end = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60 * m)) for m in (minutes, minutes + 20))
        self.site.put("Appointment/soon", {
            "resourceType": "Appointment", "id": "soon", "status": "booked", "start": start, "end": end,
            "serviceType": [{"text": "Follow-up"}], "participant": [
                {"actor": {"reference": actor}, "status": "accepted"}
                for actor in (f"Patient/{self.site.patient}", "Location/room-2")]})
        return start

    def end_visit(self):
        """The patient, who had checked in, was seen and has left."""
        visit = self.site.one(f"Encounter?patient={self.site.patient}&status=arrived")
        self.site.put(f"Encounter/{visit['id']}", {**visit, "status": "finished"})

    def old_results(self, count):
        for number in range(count):
            self.oru("2345-7", "Glucose", "90", f"G{number}", f"20240101{number:02}0000", "", "F")
        search = f"DiagnosticReport?code=2345-7&_count={count}"
        until(lambda: len(matches(self.site.staff_request("GET", search))) == count, search)

    def test_a_patient_at_the_page(self):
        site = self.site
        actions = {
            "link_code": site.link_code,
            "oru": self.oru,
            "appointment_in_minutes": self.appointment_in_minutes,
            "ehr_slow": self.go.clear,
            "ehr_answers": self.go.set,
            "ehr_refuses_next": lambda: site.ehr.next(Answer("AE", error="ERR|||207^Application error^HL70357|E")),
            "wait_in_line": self.wait_in_line,
            "call_the_others": self.call_the_others,
            "call": self.call,
            "end_visit": self.end_visit,
            "old_results": self.old_results,
            "subscriptions": site.subscriptions,
            "stop": site.daemon.stop,
            "start": lambda: site.daemon.start() and None,
        }
        script = Path(__file__).with_suffix(".mjs")
        process = subprocess.Popen(["node", script, site.page], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env={**os.environ, "TZ": "Europe/Berlin"})
        self.addCleanup(process.kill)
        said = serve(site, actions, process)
        error = process.stderr.read()
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()
        self.assertEqual(process.wait(30), 0, f"{said}{error}\n{site.daemon.log_tail()}")
        print(said)
        log = site.daemon.log_path.read_text(errors="replace")
        for value in ("Roe", "code=", site.patient):
            self.assertNotIn(value, log)


if __name__ == "__main__":
    unittest.main(verbosity=2)
