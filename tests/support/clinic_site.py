"""A hospital and a clinic around a real daemon: a feed, an EHR that decides about bookings and takes reports, an
identity provider, a schedule, a waiting room, the patient page; all of it over TLS if asked to.

    with ClinicSite(tls=True) as site:
        jane = site.register("100", "Roe^Jane")                  # the patient's id
        app = App(site, "ann", site.link_code(jane))             # log-in with PKCE; from here on a patient's app
        board = site.watch("waiting-room")                       # a websocket of staff
"""
import json
import subprocess
import tempfile
import time
from pathlib import Path

from daemon import HOME, Daemon, MllpLink, ack_code, binary_folder, free_port
from ehr import Ehr
from provider import Provider
from tls import Authority
from websocket import WebSocket

SCOPE = ("openid offline_access patient/*.rs patient/Appointment.cu patient/QuestionnaireResponse.c "
         "patient/Subscription.cd")
CONFIG = """
state: "${{env:CARESTREAM_STATE}}"
fhir:
  listen: "${{env:CARESTREAM_FHIR}}"
  {tls}
admin: {{listen: "${{env:CARESTREAM_ADMIN}}"}}
channels: channels
mappings: mappings
auth:
  mode: tokens
  local_tokens: true
  issuers:
    - {{issuer: "{issuer}", audience: "{audience}", jwks_url: "{issuer}/jwks", patient_claim: link}}
scheduling: {{destination: bookings-to-ehr, confirm: ack}}
subscriptions: {{burst_pause: {burst_pause}}}
app:
  issuer: "{issuer}"
  client_id: page
  title: Harbour Clinic
  emergency: "Call 112 at once. The clinic answers at 555 0100."
"""
FEED = """channel: feed
system: ehr
source:
  mllp:
    listen: "127.0.0.1:{port}"
    {listen_tls}
time_zone: America/New_York
assigning_authority: MAIN
authority_for: [Patient, Encounter]
mapping: {{messages: [ADT, SIU, ORU], overlays: [outpatient]}}
"""
BOOKINGS = """channel: bookings-to-ehr
system: ehr
source: {{topic: [appointment-request]}}
destination:
  mllp:
    connect_to: "127.0.0.1:{port}"
    ack_timeout: 5s
    {connect_tls}
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
destination:
  mllp:
    connect_to: "127.0.0.1:{port}"
    ack_timeout: 5s
    {connect_tls}
retry: {{first: 100ms, max: 200ms}}
render: {{event: ORU^R01, receiving_application: EHR}}
"""
SCHEDULE = """schedule: orthopaedics
title: Orthopaedic outpatients
location: clinic-1
service_type: http://snomed.info/sct|394801008
service_display: Follow-up after surgery
time_zone: America/New_York
slot_minutes: 30
horizon_days: 3
hours:
  - {days: [mon, tue, wed, thu, fri, sat, sun], from: "00:00", to: "24:00"}
"""
CLINIC = """clinic: orthopaedics
title: Orthopaedic outpatients
locations: ["name=MAIN CLIN1"]
check_in_before: 24h
"""


class ClinicSite:
    schedule, clinic, place = SCHEDULE, CLINIC, ("clinic-1", "MAIN CLIN1")
    burst_pause = "none"

    def __init__(self, tls=False, accounts=("ann", "ben"), fhir_port=None, access_token_seconds=3600):
        self.folder = tempfile.TemporaryDirectory(prefix="carestream-clinic-")
        folder = Path(self.folder.name)
        self.authority = Authority() if tls else None
        client = self.authority.client if tls else None
        # The daemon trusts the authority for the provider's keys.
        self.daemon = Daemon(folder / "clinic.yaml", {"SSL_CERT_FILE": str(self.authority.ca)} if tls else None,
                             tls=client, fhir_port=fhir_port)
        self.tls = client
        self.page = self.daemon.fhir.removesuffix("/fhir/r4") + "/app/"
        self.feed_port = free_port()
        self.ehr = Ehr(tls=self.authority.server if tls else None)
        more = {"tls": {"certificate": str(self.authority.certificate), "key": str(self.authority.key)}} if tls else {}
        self.provider = Provider(self.daemon.fhir, [{"login": name, "name": name} for name in accounts], self.page,
                                 client_tls=client, access_token_seconds=access_token_seconds, **more)
        self.sent = 0
        self.drawn = {}  # order -> when its specimen was drawn
        (folder / "channels").mkdir()
        (folder / "mappings").mkdir()
        for entry in (HOME / "mappings").iterdir():
            if entry.name not in ("schedules", "clinics"):
                (folder / "mappings" / entry.name).symlink_to(entry)
        for name, text in (("schedules", self.schedule), ("clinics", self.clinic)):
            (folder / "mappings" / name).mkdir()
            (folder / "mappings" / name / "clinic.yaml").write_text(text)

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
        if self.authority:
            self.authority.close()

    def _start(self):
        self.ehr.up()
        self.provider.__enter__()
        folder = self.daemon.config.parent
        serve = connect = fhir = ""
        if self.authority:
            own = f'{{certificate: "{self.authority.certificate}", key: "{self.authority.key}"}}'
            serve = fhir = f"tls: {own}"
            connect = f'tls: {{use: true, ca: "{self.authority.ca}"}}'
        for name, text, port in (("feed", FEED, self.feed_port), ("bookings-to-ehr", BOOKINGS, self.ehr.port),
                                 ("reports-to-ehr", REPORTS, self.ehr.port)):
            (folder / "channels" / f"{name}.yaml").write_text(
                text.format(port=port, listen_tls=serve, connect_tls=connect))
        self.daemon.config.write_text(CONFIG.format(issuer=self.provider.issuer, audience=self.daemon.fhir, tls=fhir,
                                                     burst_pause=self.burst_pause))
        self.daemon.start()
        self.staff = subprocess.run([binary_folder() / "carestream", "token", "--state", self.daemon.state, "--scope",
                                     "system/*.cruds"], check=True, capture_output=True, text=True).stdout.strip()
        place, name = self.place
        self.put(f"Location/{place}", {"resourceType": "Location", "id": place, "name": name})

    # What the hospital does.

    def feed(self, kind, *segments):
        """One message over MLLP, taken."""
        self.sent += 1
        stamp = time.strftime("%Y%m%d%H%M%S+0000", time.gmtime())
        number = f"{time.time_ns() // 1000 % 10**12}-{self.sent}"
        head = f"MSH|^~\\&|EHR|MAIN|CS|MAIN|{stamp}||{kind}|{number}|P|2.5.1"
        link = MllpLink(self.feed_port, tls=self.tls)
        try:
            code = ack_code(link.send("\r".join([head, *segments]) + "\r"))
            assert code == "AA", code
        finally:
            link.close()

    def visit(self, event, mrn, name, number="", place="CLIN1^^^MAIN"):
        now = time.strftime("%Y%m%d%H%M%S+0000", time.gmtime())
        fields = ["PV1", "1", "O", place] + [""] * 48
        if number:
            fields[19] = f"{number}^^^MAIN^VN"
            fields[44] = now
        if event == "A03":
            fields[45] = now
        self.feed(f"ADT^{event}^ADT_A01", f"EVN|{event}|{now}", f"PID|1||{mrn}^^^MAIN^MR||{name}||19700101|F",
                  "|".join(fields).rstrip("|"))

    def register(self, mrn, name):
        """A patient whom the hospital knows; the id."""
        self.feed("ADT^A28^ADT_A05", "EVN|A28|20260305082000+0000", f"PID|1||{mrn}^^^MAIN^MR||{name}||19700101|F")
        return self.one(f"Patient?identifier={mrn}")["id"]

    def result(self, mrn, name, value, order="L1", status="F", days_ago=0):
        """A value of the laboratory; the same `order` again with status C corrects it."""
        now = self.drawn.setdefault(order, time.strftime("%Y%m%d%H%M%S+0000",
                                                         time.gmtime(time.time() - days_ago * 86_400)))
        low = "L" if float(value) < 12 else ""
        self.feed("ORU^R01^ORU_R01", f"PID|1||{mrn}^^^MAIN^MR||{name}||19700101|F",
                  f"OBR|1||{order}^LAB|718-7^Hemoglobin^LN|||{now}||||||||||||||||||{status}",
                  f"OBX|1|NM|718-7^Hemoglobin^LN||{value}|g/dL|12.0-15.5|{low}|||{status}")

    def staff_request(self, method, path, body=None):
        return self.daemon.request(method, path, body, {"Authorization": f"Bearer {self.staff}"})

    def put(self, path, resource):
        status, _, made = self.staff_request("PUT", path, resource)
        assert status in (200, 201), made
        return made

    def one(self, search, timeout_s=20, request=None):
        """The first match, once there is one."""
        return until(lambda: matches((request or self.staff_request)("GET", search)), search, timeout_s)[0]

    def link_code(self, patient):
        return self.daemon.cli("link", "code", patient).stdout.splitlines()[0]

    def watch(self, topic, request=None, payload="full-resource"):
        """A websocket that hears of a topic."""
        return Watch(self, topic, request or self.staff_request, payload)


def until(ask, what, timeout_s=20):
    """The first answer that says yes."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"did not come: {what}")
        time.sleep(0.05)


def matches(answer):
    status, _, bundle = answer
    assert status == 200, bundle
    return [entry["resource"] for entry in bundle.get("entry", [])
            if entry.get("search", {}).get("mode", "match") == "match"]


class App:
    """A patient's app: logs in at the provider, is linked by a code once, asks with its token."""

    def __init__(self, site, login, code=None):
        self.site = site
        self.tokens = site.provider.redeem(*site.provider.authorise(login, SCOPE))
        self.patient = None
        if code:
            status, _, linked = self.request("POST", "Patient/$link", parameters(code=code))
            assert status == 200, linked
            self.patient = next(p for p in linked["parameter"] if p["name"] == "patient")["valueReference"][
                "reference"].split("/")[1]

    def request(self, method, path, body=None, **headers):
        return self.site.daemon.request(method, path, body, {
            "Authorization": f"Bearer {self.tokens['access_token']}", **headers})

    def one(self, search, timeout_s=20):
        return self.site.one(search, timeout_s, self.request)

    def read(self, reference):
        status, _, resource = self.request("GET", reference)
        assert status == 200, resource
        return resource

    def watch(self, topic):
        return self.site.watch(topic, self.request)

    def free_slots(self):
        """Of $find: (id of the slot, start)."""
        found = until(lambda: matches(self.request("GET", "Appointment/$find?_count=20")), "free slots")
        return [(one["slot"][0]["reference"].split("/")[1], one["start"]) for one in found]

    def book(self, slot):
        return self.request("POST", "Appointment/$book", parameters(slot=f"Slot/{slot}"), **{"Idempotency-Key": slot})


def parameters(**values):
    return {"resourceType": "Parameters",
            "parameter": [{"name": name, "valueString": value} for name, value in values.items()]}


class Watch:
    """A subscription and the websocket that is bound to it."""

    def __init__(self, site, topic, request, payload):
        status, _, made = request("POST", "Subscription", {
            "resourceType": "Subscription", "status": "requested", "reason": "the day",
            "criteria": f"urn:carestream:topic:{topic}",
            "meta": {"profile": [
                "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription"]},
            "channel": {"type": "websocket", "payload": "application/fhir+json", "_payload": {"extension": [{
                "url": "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content",
                "valueCode": payload}]}}})
        assert status == 201, made
        def bound():
            status, _, answer = request("GET", f"Subscription/{made['id']}/$get-ws-binding-token")
            return answer if status == 200 else None
        told = {p["name"]: next(v for k, v in p.items() if k.startswith("value")) for p in until(bound, topic)["parameter"]}
        self.socket = WebSocket("127.0.0.1", site.daemon.fhir_port, "/fhir/r4/websocket", tls=site.tls)
        self.socket.send("bind-with-token " + told["token"])
        self.numbers = []
        self.socket.receive()  # the handshake

    def news(self):
        """The resources of the next notification that is about events."""
        while True:
            text = self.socket.receive()
            assert text is not None, "the websocket was closed"
            bundle = json.loads(text)
            status = {p["name"]: p for p in bundle["entry"][0]["resource"]["parameter"]}
            if status["type"]["valueCode"] != "event-notification":
                continue
            for parameter in bundle["entry"][0]["resource"]["parameter"]:
                if parameter["name"] == "notification-event":
                    self.numbers += [int(p["valueString"]) for p in parameter["part"] if p["name"] == "event-number"]
            return [entry["resource"] for entry in bundle["entry"][1:] if "resource" in entry]

    def until(self, holds):
        """The first resource told of for which that holds."""
        while True:
            for resource in self.news():
                if holds(resource):
                    return resource

    def close(self):
        self.socket.close()
