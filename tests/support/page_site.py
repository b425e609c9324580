"""What stands around the patient page: a clinic (clinic_site.py) with a dermatologist's hours and one patient.

    with PageSite() as site:
        site.page                                     # URL of the page
        site.oru("718-7", "Hemoglobin", "13.5")       # a result of the patient comes over MLLP
        site.ehr.next(Answer("AE"))                   # the EHR refuses what comes next
"""
import json

from clinic_site import ClinicSite

SCHEDULE = """schedule: dermatology
title: Dermatology
location: room-2
service_type: http://snomed.info/sct|394582007
service_display: Dermatology
time_zone: Europe/Berlin
slot_minutes: 60
horizon_days: 10
hours:
  - {days: [mon, tue, wed, thu, fri, sat, sun], from: "08:00", to: "12:00"}
"""
CLINIC = """clinic: dermatology
title: Dermatology
locations: ["name=Dermatology"]
check_in_before: 40m
"""


class PageSite(ClinicSite):
    schedule, clinic, place = SCHEDULE, CLINIC, ("room-2", "Dermatology, room 2")
    burst_pause = "2s"

    def __init__(self):
        # Short-lived, so that a test of a minute sees tokens renewed and sockets closed with theirs.
        super().__init__(accounts=("ann", "bea"), access_token_seconds=45)

    def _start(self):
        super()._start()
        self.patient = self.register("100", "Roe^Jane")

    def link_code(self, patient=None):
        return super().link_code(patient or self.patient)

    def oru(self, code, name, value, unit="g/dL", usual="12.0-15.5", flag="", status="F", order="L1", when="20260601080000"):
        """A laboratory's result of Jane Roe; the same `order` again with status C corrects it."""
        self.feed("ORU^R01^ORU_R01", "PID|1||100^^^MAIN^MR||Roe^Jane||19700101|F",
                  f"OBR|1||{order}^LAB|{code}^{name}^LN|||{when}||||||||||||||||||{status}",
                  f"OBX|1|NM|{code}^{name}^LN||{value}|{unit}|{usual}|{flag}|||{status}")

    def subscriptions(self):
        """Ids of those that are in force."""
        bundle = self.staff_request("GET", "Subscription?status=active&_count=100")[2]
        return [entry["resource"]["id"] for entry in bundle.get("entry", [])]


def serve(site, actions, process):
    """Answers the lines that a browser's script asks with: {"do": "oru", "with": [...]} -> a line of JSON. The other
    lines are given back."""
    said = []
    for line in process.stdout:
        if not line.startswith('{"do"'):
            said.append(line)
            continue
        asked = json.loads(line)
        try:
            answer = {"answer": actions[asked["do"]](*asked["with"])}
        except Exception as error:  # noqa: BLE001 - told to the script, which fails with it
            answer = {"error": f"{type(error).__name__}: {error}"}
        process.stdin.write(json.dumps(answer) + "\n")
        process.stdin.flush()
    return "".join(said)
