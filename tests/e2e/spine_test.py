#!/usr/bin/env python3
"""Goal: the sample messages travel MLLP -> journal -> mapping -> store -> REST, as a user would see it.
Method: one real daemon on its shipped configuration, fed over TCP, asked over HTTP and by the CLI."""
import json
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from daemon import HOME, Daemon, MllpLink, ack_code  # noqa: E402

SAMPLES = sorted((HOME / "tests" / "samples").glob("*.hl7"))


class Spine(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon()
        cls.daemon.start()
        cls.link = MllpLink(cls.daemon.mllp_port)
        cls.acks = [cls.link.send(sample.read_bytes()) for sample in SAMPLES]
        cls.daemon.wait_for("Observation", code="8310-5")

    @classmethod
    def tearDownClass(cls):
        cls.link.close()
        cls.daemon.close()

    def one(self, path, **parameters):
        bundle = self.daemon.wait_for(path, **parameters)
        resources = [e["resource"] for e in bundle["entry"] if e["search"]["mode"] == "match"]
        self.assertEqual(len(resources), 1, f"{path} {parameters}")
        return resources[0]

    def test_every_sample_is_acknowledged(self):
        # The first asks for enhanced mode (MSH-15), so it gets the accept code.
        self.assertEqual([ack_code(ack) for ack in self.acks], ["CA"] + ["AA"] * (len(SAMPLES) - 1))

    def test_patient_is_updated_and_found(self):
        patient = self.one("Patient", identifier="500123")
        self.assertEqual(patient["name"][0]["family"], "Lindqvist")
        self.assertEqual(patient["birthDate"], "1984-05-17")
        self.assertEqual(patient["gender"], "female")
        lines = [a["line"] for a in patient["address"]]
        self.assertIn(["48 Mill Pond Road"], lines)
        for parameters in ({"family": "lindq"}, {"birthdate": "1984-05-17", "gender": "female"},
                           {"name": "maren"}, {"address-city": "Portsmouth"}, {"_id": patient["id"]}):
            self.assertEqual(self.one("Patient", **parameters)["id"], patient["id"], parameters)

    def test_umlauts_survive(self):
        self.assertEqual(self.one("Patient", family="bjork")["name"][0]["family"], "Bj\u00f6rk")

    def test_visit_is_discharged(self):
        encounter = self.one("Encounter", identifier="V-2026-0077")
        self.assertEqual(encounter["status"], "finished")
        self.assertEqual(encounter["class"]["code"], "IMP")
        self.assertTrue(encounter["period"]["start"].startswith("2026-03-02T08:10"))
        self.assertTrue(encounter["period"]["end"].startswith("2026-03-04T16:55"))

    def test_results_are_searchable(self):
        patient = self.one("Patient", identifier="500123")["id"]
        glucose = self.one("Observation", code="http://loinc.org|2345-7", patient=patient)
        self.assertEqual(glucose["valueQuantity"]["value"], 104)
        self.assertEqual(glucose["status"], "final")
        crp = self.one("Observation", code="1988-5", subject=f"Patient/{patient}")
        self.assertEqual(crp["valueQuantity"]["comparator"], "<")
        comment = self.one("Observation", code="8251-1")
        self.assertEqual(comment["valueString"], "Sample slightly haemolysed.\nPotassium not reported.")
        report = self.one("DiagnosticReport", patient=patient, code="24323-8")
        self.assertEqual(report["status"], "final")
        self.assertIn({"reference": f"Observation/{glucose['id']}"},
                      [{"reference": r["reference"]} for r in report["result"]])
        bundle = self.daemon.wait_for("Observation", code="2345-7", _include="Observation:subject")
        self.assertIn("Patient", [e["resource"]["resourceType"] for e in bundle["entry"]])
        high = self.daemon.wait_for("Observation", **{"value-quantity": "gt100", "date": "ge2026-03-02",
                                                      "patient": patient, "_sort": "-date"})
        self.assertEqual(high["entry"][0]["resource"]["id"], glucose["id"])

    def test_appointment_was_rescheduled(self):
        appointment = self.one("Appointment", identifier="AP-7001")
        self.assertEqual(appointment["status"], "booked")
        self.assertTrue(appointment["start"].startswith("2026-03-17T14:00"))
        status, _, history = self.daemon.get(f"Appointment/{appointment['id']}/_history")
        self.assertEqual((status, history["type"], len(history["entry"])), (200, "history", 2))
        patient = self.one("Patient", identifier="500123")["id"]
        self.assertEqual(self.one(f"Patient/{patient}/Appointment")["id"], appointment["id"])

    def test_duplicate_gets_its_first_ack_and_changes_nothing(self):
        before = self.one("Patient", identifier="500123")["meta"]["versionId"]
        self.assertEqual(self.link.send(SAMPLES[0].read_bytes()), self.acks[0])
        self.assertEqual(self.one("Patient", identifier="500123")["meta"]["versionId"], before)

    def test_refused_processing_id(self):
        message = SAMPLES[0].read_bytes().decode().replace("|SAMPLE-0001|P|", "|SAMPLE-T|T|")
        ack = self.link.send(message)
        self.assertEqual(ack_code(ack), "CR")
        self.assertIn("ERR|", ack)

    def test_rest_write_cycle(self):
        request = self.daemon.request
        status, headers, made = request("POST", "Patient", {
            "resourceType": "Patient", "name": [{"family": "Restwright"}], "gender": "male"})
        self.assertEqual(status, 201)
        self.assertIn(f"/Patient/{made['id']}/_history/1", headers["Location"])
        path = f"Patient/{made['id']}"
        self.assertEqual(request("GET", path, headers={"If-None-Match": headers["ETag"]})[0], 304)
        made["gender"] = "female"
        self.assertEqual(request("PUT", path, made, {"If-Match": 'W/"7"'})[0], 412)
        status, headers, changed = request("PUT", path, made, {"If-Match": 'W/"1"'})
        self.assertEqual((status, headers["ETag"], changed["gender"]), (200, 'W/"2"', "female"))
        self.assertEqual(self.one("Patient", family="Restwright")["gender"], "female")
        self.assertEqual(request("DELETE", path)[0], 204)
        self.assertEqual(request("GET", path)[0], 410)
        self.assertEqual(request("GET", f"{path}/_history/1")[2]["gender"], "male")
        status, _, outcome = request("POST", "Patient", {"resourceType": "Patient", "birthDate": "1984-13-40"})
        self.assertIn(status, (400, 422))
        self.assertEqual(outcome["issue"][0]["expression"], ["Patient.birthDate"])

    def test_feed_finds_what_rest_made(self):
        identifier = self.one("Patient", identifier="500124")["identifier"][0]
        status, _, made = self.daemon.request("POST", "Patient", {
            "resourceType": "Patient", "identifier": [dict(identifier, value="REST-77")],
            "name": [{"family": "Overrest"}]})
        self.assertEqual(status, 201)
        message = "\r".join([
            "MSH|^~\\&|EHR|MAIN|CARESTREAM|MAIN|20260305082000+0000||ADT^A08^ADT_A01|REST-1|P|2.5.1",
            "EVN|A08|20260305082000+0000", "PID|1||REST-77^^^MAIN^MR||Overfeed^Tor||19700101|M", "PV1|1|N"]) + "\r"
        self.assertEqual(ack_code(self.link.send(message)), "AA")
        found = self.one("Patient", family="Overfeed")
        self.assertEqual(found["id"], made["id"])

    def test_null_removes_and_absent_keeps(self):
        head = "MSH|^~\\&|EHR|MAIN|CARESTREAM|MAIN|20260303081530+0000||ADT^A08^ADT_A01|{}|P|2.5.1\r"
        person = "PID|1||700777^^^MAIN^MR||Nullsen^Nora||19700101|F|||{}||{}\r"
        link = MllpLink(self.daemon.mllp_port)
        for number, address, phone in (("NULL-1", "1 Elm^^Town^NH", "^PRN^PH^^1^603^5550100"),
                                       ("NULL-2", "", ""), ("NULL-3", '""', '""')):
            self.assertEqual(ack_code(link.send(head.format(number) + person.format(address, phone))), "AA")
            if number == "NULL-2":
                bundle = self.daemon.wait_for("Patient", identifier="700777")
                self.assertIn("address", bundle["entry"][0]["resource"])
                self.assertIn("telecom", bundle["entry"][0]["resource"])
        link.close()
        deadline = time.monotonic() + 20
        while True:
            patient = self.daemon.wait_for("Patient", identifier="700777")["entry"][0]["resource"]
            if "address" not in patient or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        self.assertNotIn("address", patient)
        self.assertNotIn("telecom", patient)
        self.assertEqual(patient["gender"], "female")

    def test_operators_see_what_became_of_it(self):
        found = json.loads(self.daemon.cli("messages", "find", "--control-id", "SAMPLE-0003", "--json").stdout)
        self.assertEqual(len(found["messages"]), 1)
        shown = self.daemon.cli("messages", "show", found["messages"][0]["seq"]).stdout
        self.assertIn("Observation/", shown)
        self.assertIn("AA", shown)
        by_patient = json.loads(self.daemon.cli("messages", "find", "--mrn", "500123", "--json").stdout)
        self.assertGreaterEqual(len(by_patient["messages"]), 6)

    def test_repairs_are_shown_once(self):
        message = "\r".join([
            "MSH|^~\\&|EHR|MAIN|CARESTREAM|MAIN|20260305082000+0000||ADT^A08^ADT_A01|REPAIR-1|P|2.5.1",
            "PID|1||700888^^^MAIN^MR||Repairsen^Rita||19700101|F", "PID2|1|other^name|20200101"]) + "\r"
        self.assertEqual(ack_code(self.link.send(message)), "AA")
        self.assertEqual(self.one("Patient", identifier="700888")["birthDate"], "1970-01-01")
        found = json.loads(self.daemon.cli("messages", "find", "--control-id", "REPAIR-1", "--json").stdout)
        shown = self.daemon.cli("messages", "show", found["messages"][0]["seq"]).stdout
        self.assertEqual(shown.count("kept apart as an unknown segment"), 1)
        self.assertIn("?id-3.1", shown)

    def test_dead_letter_is_listed_and_replayed(self):
        message = SAMPLES[0].read_bytes().decode().replace("SAMPLE-0001", "DEAD-1").replace(
            "500123^^^MAIN^MR~987-65-4320^^^USSSA^SS", "")
        self.assertIn(ack_code(self.link.send(message)), ("AA", "CA"))
        for _ in range(100):
            dead = json.loads(self.daemon.cli("deadletters", "--json").stdout)["dead_letters"]
            if dead:
                break
        self.assertEqual([d["path"].split("-")[0] for d in dead], ["PID"])
        self.daemon.cli("deadletters", "discard", dead[0]["seq"])
        self.assertEqual(json.loads(self.daemon.cli("deadletters", "--json").stdout)["dead_letters"], [])

    def test_reload_is_whole_or_not_at_all(self):
        self.assertEqual(self.daemon.cli("reload").returncode, 0)
        self.assertIn("ready", self.daemon.cli("status").stdout.splitlines()[0].lower())

    def test_metrics_and_index(self):
        url = f"http://127.0.0.1:{self.daemon.admin_port}/metrics"
        metrics = self.daemon.request("GET", url)[2]
        self.assertIn("carestream_", metrics)
        self.assertNotIn("Lindqvist", metrics)
        self.assertEqual(self.daemon.request("GET", f"http://127.0.0.1:{self.daemon.fhir_port}/")[0], 200)
        status, _, statement = self.daemon.get("metadata")
        self.assertEqual((status, statement["fhirVersion"]), (200, "4.0.1"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
