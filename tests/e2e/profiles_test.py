#!/usr/bin/env python3
"""Goal: what is stored says which profiles of US Core it meets, and no longer once it does not.
Method: one daemon with a channel that asks for them; one patient, message after message."""
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from daemon import HOME, Daemon, MllpLink, ack_code  # noqa: E402

US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/"
PATIENT = US_CORE + "us-core-patient"


class Profiles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="carestream-profiles-")
        channels = Path(cls.folder.name) / "channels"
        channels.mkdir()
        text = (HOME / "channels/demo.yaml").read_text()
        (channels / "demo.yaml").write_text(text + "  overlays: [us-core]\n  profiles: [us-core]\n")
        config = Path(cls.folder.name) / "carestream.yaml"
        config.write_text((HOME / "conf/carestream.yaml").read_text().replace("../channels", str(channels)))
        cls.daemon = Daemon(config=config)
        cls.daemon.start()
        cls.link = MllpLink(cls.daemon.mllp_port)

    @classmethod
    def tearDownClass(cls):
        cls.link.close()
        cls.daemon.close()
        cls.folder.cleanup()

    number = 0

    def send(self, segments):
        type(self).number += 1
        header = f"MSH|^~\\&|EHR|MAIN|CS|MAIN|20260102030405||{{}}|P{self.number}|P|2.5.1\r"
        event = "ORU^R01^ORU_R01" if "OBX|" in segments else "ADT^A31^ADT_A05"
        self.assertEqual(ack_code(self.link.send(header.format(event) + segments)), "AA")

    def claims(self, version):
        """of the patient once it has this version"""
        bundle = self.daemon.wait_for("Patient", identifier="77001")
        identity = bundle["entry"][0]["resource"]["id"]
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            patient = self.daemon.get(f"Patient/{identity}")[2]
            if patient["meta"]["versionId"] == version:
                return patient, patient["meta"].get("profile")
            time.sleep(0.05)
        self.fail(f"no version {version} of {patient}")

    def test_claims_follow_what_is_stored(self):
        self.send("PID|1||77001^^^MAIN^MR||Roe^Jane||19800102|F||2106-3^White^CDCREC\r")
        patient, profiles = self.claims("1")
        self.assertEqual((profiles, patient["gender"]), ([PATIENT], "female"))
        self.assertEqual(patient["extension"][0]["url"], US_CORE + "us-core-race")
        # A message that says less changes nothing of it.
        self.send("PID|1||77001^^^MAIN^MR||Roe^Jane||19800103\r")
        patient, profiles = self.claims("2")
        self.assertEqual((profiles, patient["gender"]), ([PATIENT], "female"))
        # Taken back: unknown, which US Core knows.
        self.send('PID|1||77001^^^MAIN^MR||Roe^Jane||19800103|""\r')
        patient, profiles = self.claims("3")
        self.assertEqual((profiles, patient["gender"]), ([PATIENT], "unknown"))
        # A name without family and given names meets no profile, until there is a right one again.
        self.send("PID|1||77001^^^MAIN^MR||^^^Jr||19800103\r")
        self.assertIsNone(self.claims("4")[1])
        self.send("PID|1||77001^^^MAIN^MR||Roe^Jane||19800103\r")
        patient, profiles = self.claims("5")
        self.assertEqual((profiles, patient["name"][0]["family"]), ([PATIENT], "Roe"))

    def test_results_are_found_by_their_profile(self):
        self.send("PID|1||77002^^^MAIN^MR||Poe^Edna||19700102|F\r"
                  "OBR|1|P1|F1|GLU^Glucose^L|||20260302070000|||||||||||||||20260302080000||CH|F\r"
                  "OBX|1|NM|2345-7^Glucose^LN||95|mg/dL^^UCUM|70-99|N|||F\r")
        lab = US_CORE + "us-core-observation-lab"
        bundle = self.daemon.wait_for("Observation", _profile=lab)
        self.assertEqual(bundle["entry"][0]["resource"]["meta"]["profile"], [lab])


if __name__ == "__main__":
    unittest.main()
