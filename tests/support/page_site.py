"""All that stands around the patient page: a daemon with tokens, the provider, a feed, an EHR that is asked for
bookings and takes reports, and a schedule of two weeks.

    with PageSite() as site:
        site.page                                     # URL of the page
        site.oru("718-7", "Hemoglobin", "13.5")       # a result of the patient comes over MLLP
        site.ehr.next(Answer("AE"))                   # the EHR refuses what comes next
"""
import json
import subprocess
import tempfile
import time
from pathlib import Path

from daemon import HOME, Daemon, MllpLink, ack_code, binary_folder, free_port
from ehr import Ehr
from provider import Provider

CONFIG = """
state: "${{env:CARESTREAM_STATE}}"
fhir: {{listen: "${{env:CARESTREAM_FHIR}}"}}
admin: {{listen: "${{env:CARESTREAM_ADMIN}}"}}
channels: channels
mappings: mappings
auth:
  mode: tokens
  local_tokens: true
  issuers:
    - {{issuer: "{issuer}", audience: "{audience}", jwks_url: "{issuer}/jwks", patient_claim: link}}
scheduling: {{destination: bookings-to-ehr, confirm: ack}}
app:
  issuer: "{issuer}"
  client_id: page
  title: Harbour Clinic
  emergency: "Call 112 at once. The clinic answers at 555 0100."
"""
FEED = """channel: feed
system: ehr
source: {{mllp: {{listen: "127.0.0.1:{port}"}}}}
time_zone: America/New_York
assigning_authority: MAIN
authority_for: [Patient, Encounter]
mapping: {{messages: [ADT, SIU, ORU]}}
"""
BOOKINGS = """channel: bookings-to-ehr
system: ehr
source: {{topic: [appointment-request]}}
destination: {{mllp: {{connect_to: "127.0.0.1:{port}", ack_timeout: 5s}}}}
retry: {{first: 100ms, max: 200ms}}
render:
  event: SIU^S12
  events:
    - {{when: "_tag=urn:carestream:booking-request|cancel", event: SIU^S15}}
  receiving_application: EHR
"""
REPORTS = """channel: reports-to-ehr
system: ehr
source: {{topic: [report]}}
destination: {{mllp: {{connect_to: "127.0.0.1:{port}", ack_timeout: 5s}}}}
retry: {{first: 100ms, max: 200ms}}
render: {{event: ORU^R01, receiving_application: EHR}}
"""
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
"""


class PageSite:
    def __init__(self, accounts=("ann", "bea")):
        self.folder = tempfile.TemporaryDirectory(prefix="carestream-page-")
        folder = Path(self.folder.name)
        self.config = folder / "page.yaml"
        self.daemon = Daemon(self.config)
        self.page = f"http://127.0.0.1:{self.daemon.fhir_port}/app/"
        self.feed_port = free_port()
        self.ehr = Ehr()
        # Short-lived, so that a test of a minute sees tokens renewed and sockets closed with theirs.
        self.provider = Provider(self.daemon.fhir, [{"login": name, "name": name} for name in accounts], self.page,
                                 access_token_seconds=45)
        self.sent = 0
        (folder / "channels").mkdir()
        (folder / "mappings").mkdir()
        for entry in (HOME / "mappings").iterdir():
            if entry.name not in ("schedules", "clinics"):
                (folder / "mappings" / entry.name).symlink_to(entry)
        (folder / "mappings/schedules").mkdir()
        (folder / "mappings/schedules/dermatology.yaml").write_text(SCHEDULE)
        (folder / "mappings/clinics").mkdir()
        (folder / "mappings/clinics/dermatology.yaml").write_text(CLINIC)

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.daemon.close()
        if self.provider.process:
            self.provider.__exit__()
        self.ehr.down()
        self.folder.cleanup()

    def _start(self):
        self.ehr.up()
        self.provider.__enter__()
        folder = self.config.parent
        for name, text, port in (("feed", FEED, self.feed_port), ("bookings-to-ehr", BOOKINGS, self.ehr.port),
                                 ("reports-to-ehr", REPORTS, self.ehr.port)):
            (folder / "channels" / f"{name}.yaml").write_text(text.format(port=port))
        self.config.write_text(CONFIG.format(issuer=self.provider.issuer, audience=self.daemon.fhir))
        self.daemon.start()
        self.staff = subprocess.run([binary_folder() / "carestream", "token", "--state", self.daemon.state, "--scope",
                                     "system/*.cruds"], check=True, capture_output=True, text=True).stdout.strip()
        self.put("Location/room-2", {"resourceType": "Location", "id": "room-2", "name": "Dermatology, room 2"})
        self.patient = self.admit("100", "Roe^Jane")

    def staff_request(self, method, path, body=None):
        return self.daemon.request(method, path, body, {"Authorization": f"Bearer {self.staff}"})

    def put(self, path, resource):
        status, _, made = self.staff_request("PUT", path, resource)
        assert status in (200, 201), made
        return made

    def feed(self, *segments, kind="ADT^A08^ADT_A01"):
        """One message over MLLP, taken."""
        self.sent += 1
        stamp = time.strftime("%Y%m%d%H%M%S+0000", time.gmtime())
        head = f"MSH|^~\\&|EHR|MAIN|CS|MAIN|{stamp}||{kind}|P{self.sent}|P|2.5.1"
        link = MllpLink(self.feed_port)
        try:
            assert ack_code(link.send("\r".join([head, *segments]) + "\r")) == "AA"
        finally:
            link.close()

    def admit(self, mrn, name):
        """A patient comes with an ADT; the id."""
        self.feed("EVN|A08|20260305082000+0000", f"PID|1||{mrn}^^^MAIN^MR||{name}||19700101|F", "PV1|1|O")
        deadline = time.monotonic() + 20
        while True:
            bundle = self.staff_request("GET", f"Patient?identifier={mrn}")[2]
            if bundle.get("entry"):
                return bundle["entry"][0]["resource"]["id"]
            if time.monotonic() > deadline:
                raise AssertionError("the patient did not come")
            time.sleep(0.05)

    def link_code(self, patient=None):
        return self.daemon.cli("link", "code", patient or self.patient).stdout.splitlines()[0]

    def oru(self, code, name, value, unit="g/dL", usual="12.0-15.5", flag="", status="F", order="L1", when="20260601080000"):
        """A laboratory's result of Jane Roe; the same `order` again with status C corrects it."""
        self.feed("PID|1||100^^^MAIN^MR||Roe^Jane||19700101|F",
                  f"OBR|1||{order}^LAB|{code}^{name}^LN|||{when}||||||||||||||||||{status}",
                  f"OBX|1|NM|{code}^{name}^LN||{value}|{unit}|{usual}|{flag}|||{status}", kind="ORU^R01^ORU_R01")

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
