#!/usr/bin/env python3
"""Goal: nobody comes to another patient's data, nor learns that it is there, by anything that the API offers.
Method: a real daemon with tokens; two patients with a resource of each type, by messages and by REST; a list of
attacks that is generated from the CapabilityStatement (tests/support/attacks.py), asked with the attacker's token."""
import json
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import attack_corpus as corpus  # noqa: E402
import attacks  # noqa: E402
from attacks import SECRET, Client, Judge, Request  # noqa: E402
from auth_test import ask, token  # noqa: E402
from daemon import HOME, Daemon, MllpLink, ack_code  # noqa: E402
from issuer import Issuer  # noqa: E402
from websocket import WebSocket  # noqa: E402

CONFIG = """
state: "${{env:CARESTREAM_STATE}}"
fhir: {{listen: "${{env:CARESTREAM_FHIR}}"}}
admin: {{listen: "${{env:CARESTREAM_ADMIN}}"}}
channels: {home}/channels
mappings: {home}/mappings
auth:
  mode: tokens
  local_tokens: true
  issuers:
    - {{issuer: "urn:people", audience: api, jwks_file: {folder}/people.jwks, patient_claim: link}}
  rate_limit: {{requests_per_second: 0, unauthenticated_per_second: 0}}
"""
ALL = "patient/*.cruds"


class Attacks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="carestream-attacks-")
        cls.addClassCleanup(folder.cleanup)
        cls.people = Issuer("urn:people", "api", Path(folder.name) / "people")
        config = Path(folder.name) / "attacks.yaml"
        config.write_text(CONFIG.format(home=HOME, folder=folder.name))
        cls.daemon = Daemon(config)
        cls.addClassCleanup(cls.daemon.close)
        cls.daemon.start()
        cls.system = cls.client(token(cls.daemon.state, "--scope", "system/*.cruds", "--expires", "1d")[1])
        cls.fill()
        cls.mine = token(cls.daemon.state, "--patient", "a-patient", "--scope", ALL)[1]
        cls.theirs = token(cls.daemon.state, "--patient", "b-patient", "--scope", ALL)[1]
        statement = json.loads(cls.system.ask(Request("GET", "/metadata")).text)["rest"][0]
        cls.capability, cls.system_operations = statement["resource"], statement.get("operation", [])

    @classmethod
    def client(cls, who, headers=None):
        return Client(cls.daemon.fhir_port, who, headers)

    @classmethod
    def put(cls, resource):
        answer = cls.system.ask(Request("PUT", f"/{resource['resourceType']}/{resource['id']}", resource))
        assert answer.status in (200, 201), (answer.text, resource)

    @classmethod
    def fill(cls):
        link = MllpLink(cls.daemon.mllp_port)
        for prefix, secret in (("a", "own"), ("b", SECRET)):
            for message in corpus.messages(prefix, secret):
                assert ack_code(link.send(message)) == "AA"
            cls.people_of = corpus.of_patient(prefix, secret)
            for resource in cls.people_of.values():
                cls.put(resource)
            cls.put({**cls.people_of["Observation"], "status": "amended"})  # a history
        link.close()
        for resource in (r for part in corpus.of_both() for r in part):
            cls.put(resource)
        cls.put({"resourceType": "Schedule", "id": "s-schedule", "actor": [{"display": "Ward"}]})
        cls.put({"resourceType": "Slot", "id": "s-slot", "schedule": {"reference": "Schedule/s-schedule"},
                 "status": "free", "start": "2027-05-01T10:00:00Z", "end": "2027-05-01T10:30:00Z"})
        cls.own_bodies = corpus.of_patient("a", "own")
        cls.messaged = {}  # ids of what messages made of the victim and of the attacker
        deadline = time.monotonic() + 60
        while len(cls.messaged) < 14 and time.monotonic() < deadline:
            cls.messaged = cls.made_by_messages("B2000") | cls.made_by_messages("A2000")
        assert len(cls.messaged) >= 14, cls.messaged

    @classmethod
    def made_by_messages(cls, mrn):
        found = json.loads(cls.system.ask(Request("GET", f"/Patient?identifier={mrn}")).text).get("entry", [])
        if not found:
            return {}
        patient = found[0]["resource"]["id"]
        made = {("Patient", mrn): patient}
        for name in ("Encounter", "Observation", "DiagnosticReport", "Appointment", "DocumentReference",
                     "AllergyIntolerance", "Condition", "Provenance"):
            bundle = json.loads(cls.system.ask(Request("GET", f"/{name}?patient={patient}")).text)
            for n, entry in enumerate(bundle.get("entry", [])[:2]):
                made[(name, mrn, n)] = entry["resource"]["id"]
        return made

    def judge(self):
        made = [id_ for key, id_ in self.messaged.items() if key[1] == "B2000"]
        ids = [f"b-{name.lower()}" for name in self.own_bodies] + made + [
            "y-performed", "y-asserted", "y-written", "y-answered", "y-sent", "y-paid", "y-contained"]
        return Judge(ids, {id_: "00000000-0000-4000-8000-000000000000" for id_ in made})

    def conclude(self, judge, clients, least):
        count = sum(client.count for client in clients)
        print(f"\n{self._testMethodName}: {count} requests, {dict(sorted(judge.statuses.items()))}, "
              f"{len(judge.found)} leaks", file=sys.stderr)
        self.assertEqual(judge.found[:25], [])
        self.assertGreater(count, least)
        self.assertNotIn(500, judge.statuses)
        self.assertLess(judge.statuses.get(401, 0) + judge.statuses.get(429, 0) + judge.statuses.get(503, 0), 1)

    def run_all(self, client, judge, types):
        """Everything of the list that is about `types`; the victim's data is there as before, after it."""
        names = [one["type"] for one in types]
        for one in types:
            name = one["type"]
            for request in attacks.searches(one):
                judge.attack(client, request)
            instances = [f"b-{name.lower()}"] + [i for key, i in self.messaged.items()
                                                if key[:2] == (name, "B2000")]
            instances += [r["id"] for r in corpus.of_both()[1] if r["resourceType"] == name]
            for instance in instances:
                for request in attacks.reads(name, instance):
                    judge.attack(client, request)
            body = self.own_bodies.get(name, {"resourceType": name})
            for request in attacks.writes(name, f"b-{name.lower()}", body):
                judge.attack(client, request)
        for request in attacks.operations(types, self.system_operations):
            judge.attack(client, request)
        for request in attacks.system_level(names):
            judge.attack(client, request)

    def check_untouched(self):
        for name, resource in corpus.of_patient("b", SECRET).items():
            answer = self.system.ask(Request("GET", f"/{name}/{resource['id']}"))
            self.assertEqual(answer.status, 200, name)
            self.assertEqual(json.loads(answer.text)["meta"]["versionId"], "2" if name == "Observation" else "1", name)

    def test_a_patients_token(self):
        judge, client = self.judge(), self.client(self.mine)
        self.run_all(client, judge, self.capability)
        named = self.client(self.mine, {"X-CareStream-Patient": "b-patient"})
        for path in ("/Patient/b-patient", "/Observation", "/Patient/a-patient"):
            judge.attack(named, Request("GET", path))
        self.check_untouched()
        self.conclude(judge, [client, named], 10_000)

    def test_a_patient_sees_his_part_of_what_is_about_several(self):
        judge, client = self.judge(), self.client(self.mine)
        for resource in corpus.of_both()[0]:
            name = resource["resourceType"]
            path = f"/{name}/{resource['id']}"
            for tail in ("", "/_history", "/_history/1"):
                answer = judge.attack(client, Request("GET", path + tail))
                self.assertEqual(answer.status, 200, path + tail)
                self.assertIn("a-patient", answer.text)
                self.assertIn("SUBSETTED", answer.text)
            found = judge.attack(client, Request("GET", f"/{name}?_total=accurate"))
            self.assertIn(resource["id"], found.text)
            self.assertEqual(json.loads(found.text)["total"], len(json.loads(found.text)["entry"]))
            # Nobody is found in it by who else is there.
            for parameter in ("patient", "actor", "member", "subject", "asserter", "target", "patient:Patient"):
                judge.attack(client, Request("GET", f"/{name}?{parameter}=Patient/b-patient"))
                judge.attack(client, Request("GET", f"/{name}?{parameter}=b-patient"))
        self.conclude(judge, [client], 50)

    def test_hidden_are_not_counted(self):
        client = self.client(self.mine)
        for resource in corpus.of_both()[1]:
            name = resource["resourceType"]
            bundle = json.loads(client.ask(Request("GET", f"/{name}?_total=accurate&_count=1000")).text)
            self.assertEqual(bundle["total"], len(bundle.get("entry", [])), name)
            count = json.loads(client.ask(Request("GET", f"/{name}?_summary=count")).text)
            self.assertEqual(count["total"], bundle["total"], name)

    def test_a_carers_token(self):
        self.put({"resourceType": "RelatedPerson", "id": "a-carer", "patient": {"reference": "Patient/a-patient"}})
        code = self.daemon.cli("link", "code", "a-patient", "--carer", "a-carer", "--json")
        login = self.people.token(sub="carer", scope="openid " + ALL)
        status, _, said = ask(f"{self.daemon.fhir}/Patient/$link", login,
                              attacks.parameters(code=json.loads(code.stdout)["code"]))
        self.assertEqual(status, 200, said)
        judge, client = self.judge(), self.client(login)
        compartment = [one for one in self.capability if one["type"] in self.own_bodies]
        self.run_all(client, judge, compartment)
        named = self.client(login, {"X-CareStream-Patient": "b-patient"})
        for path in ("/Patient/b-patient", "/Observation", "/Patient/a-patient"):
            judge.attack(named, Request("GET", path))
        self.check_untouched()
        self.conclude(judge, [client, named], 3_000)

    def test_links_of_pages_are_nobody_elses(self):
        judge, mine, theirs = self.judge(), self.client(self.mine), self.client(self.theirs)
        for path in ("/Observation?_count=1", "/Condition?_count=1", "/Provenance?_count=1",
                     "/Observation/b-observation/_history?_count=1"):
            bundle = json.loads(theirs.ask(Request("GET", path)).text)
            page = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
            self.assertIsNotNone(page, path)
            query = page.split("/fhir/r4")[1]
            answer = mine.ask(Request("GET", query))
            judge.look_for_leaks(Request("GET", query), answer.text)
            self.assertIn(answer.status, (400, 404), answer.text)
        self.conclude(judge, [mine, theirs], 4)

    def test_the_victims_accesses(self):
        theirs, judge, mine = self.client(self.theirs), self.judge(), self.client(self.mine)
        theirs.ask(Request("GET", "/Patient/b-patient"))
        theirs.ask(Request("GET", "/Appointment/x-group"))
        time.sleep(1.5)  # rows wait for company
        bundle = json.loads(self.system.ask(Request("GET", "/AuditEvent?patient=b-patient&_count=500")).text)
        numbers = [entry["resource"]["id"] for entry in bundle["entry"]]
        self.assertGreater(len(numbers), 10)
        own = 0
        for number in numbers[:200]:
            answer = mine.ask(Request("GET", f"/AuditEvent/{number}"))
            judge.look_for_leaks(Request("GET", f"/AuditEvent/{number}"), answer.text)
            if answer.status == 200:
                own += 1
                continue
            nobody = mine.ask(Request("GET", "/AuditEvent/999999999"))
            self.assertEqual((answer.status, answer.text), (nobody.status, nobody.text))
        self.assertLess(own, len(numbers[:200]))
        # Who of the other patients looked at a group's appointment is his matter.
        events = mine.ask(Request("GET", "/AuditEvent?_count=50"))
        self.assertIn("Appointment/x-group", events.text)
        self.assertNotIn(self.subject_of(self.theirs), events.text)
        self.conclude(judge, [mine], 10)

    @staticmethod
    def subject_of(bearer):
        import base64
        part = bearer.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["sub"]

    def test_identifiers_of_others_lead_no_message_here(self):
        mine = self.client(self.mine)
        me = json.loads(mine.ask(Request("GET", "/Patient/a-patient")).text)
        stolen = {"system": "urn:carestream:authority:MAIN", "value": "Z9000"}
        answer = mine.ask(Request("PUT", "/Patient/a-patient", {**me, "identifier": me["identifier"] + [stolen]}))
        self.assertEqual(answer.status, 200, answer.text)
        link = MllpLink(self.daemon.mllp_port)
        message = corpus.messages("b", SECRET)[0].replace("B2000", "Z9000").replace("b-visit", "z-visit")
        self.assertEqual(ack_code(link.send(message.replace("|b0|", "|z0|"))), "AA")
        link.close()
        deadline = time.monotonic() + 30
        found = []
        while len(found) < 2 and time.monotonic() < deadline:
            found = json.loads(self.system.ask(Request("GET", "/Patient?identifier=Z9000")).text).get("entry", [])
        self.assertEqual(len(found), 2, "the one who claims it, and the one whom the hospital means")
        for path in ("/Patient/a-patient", "/Patient/a-patient/_history", "/Encounter", "/AllergyIntolerance"):
            self.assertNotIn(SECRET, mine.ask(Request("GET", path)).text)

    def subscribe(self, client, criteria, **more):
        return client.ask(Request("POST", "/Subscription", {
            "resourceType": "Subscription", "status": "requested", "reason": "test", "criteria": criteria,
            "channel": {"type": "websocket", "payload": "application/fhir+json", "_payload": {"extension": [{
                "url": "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content",
                "valueCode": "full-resource"}]}}, **more}))

    def test_subscriptions(self):
        judge, mine, theirs = self.judge(), self.client(self.mine), self.client(self.theirs)
        criteria = [f"{name}?patient=Patient/b-patient" for name in
                    ("Observation", "DiagnosticReport", "Appointment", "Encounter", "Condition", "Task", "Flag")]
        criteria += ["Observation?", "Observation?code=b-code", "Appointment?actor=Patient/b-patient", "Patient?_id=b-patient",
                     "Group?member=Patient/b-patient", "Appointment?", "Group?", "Task?", "Binary?", "Subscription?"]
        for topic in ("result", "observation", "encounter", "appointment", "report", "report-delivery", "red-flag",
                      "red-flag-escalated", "appointment-request"):
            criteria.append("urn:carestream:topic:" + topic)
        bound = []
        owner = {"extension": [{"url": "urn:carestream:owner", "extension": [{"url": "mode", "valueString": "open"}]}]}
        for one in criteria:
            for more in ({}, owner):
                made = self.subscribe(mine, one, **more)
                judge.look_for_leaks(one, made.text)
                if made.status == 201:
                    bound.append((one, json.loads(made.text)["id"]))
        self.assertGreater(len(bound), 20)
        sockets = [self.bind(mine, one) for _, one in bound]
        victims = json.loads(self.subscribe(theirs, "Observation?").text)["id"]
        self.bind(theirs, victims)
        for path in (f"/Subscription/{victims}", f"/Subscription/{victims}/$status", f"/Subscription/{victims}/$events",
                     f"/Subscription/{victims}/_history", f"/Subscription/{victims}/$get-ws-binding-token",
                     f"/Subscription/$status?id={victims}", f"/Subscription/$get-ws-binding-token?id={victims}",
                     "/Subscription", f"/Subscription?_id={victims}"):
            answer = mine.ask(Request("GET", path))
            nobody = mine.ask(Request("GET", path.replace(victims, "g-subscription")))
            self.assertEqual(answer.status, nobody.status, path)
            self.assertEqual(answer.text.replace(victims, "x"), nobody.text.replace("g-subscription", "x"), path)
        # The victim's data changes; then something of the attacker's, which tells that all before was told.
        for resource in corpus.of_patient("b", SECRET + "-2").values():
            self.system.ask(Request("PUT", f"/{resource['resourceType']}/{resource['id']}", resource))
        for resource in (r for part in corpus.of_both() for r in part):
            self.system.ask(Request("PUT", f"/{resource['resourceType']}/{resource['id']}",
                                    {**resource, "language": "de"}))
        self.put({**self.own_bodies["Observation"], "status": "corrected"})
        heard = {one: 0 for one, _ in bound}
        for (one, _), client in zip(bound, sockets):
            client.socket.settimeout(3)
            try:
                while text := client.receive():
                    heard[one] += 1
                    judge.look_for_leaks(one, text)
                    if "Appointment/x-group" in text and "b-patient" in one:
                        judge.found.append("tells who else is there: " + one)
            except (TimeoutError, OSError):
                pass
        self.assertGreater(heard["Observation?"], 1, "the handshake and the attacker's own")
        self.assertGreater(heard["Appointment?"], 1)
        for (one, made) in bound:
            events = mine.ask(Request("GET", f"/Subscription/{made}/$events?content=full-resource"))
            judge.look_for_leaks(one, events.text)
        self.conclude(judge, [mine], 50)

    def bind(self, client, subscription):
        for _ in range(200):
            answer = client.ask(Request("GET", f"/Subscription/{subscription}/$get-ws-binding-token"))
            if answer.status == 200:
                break
            time.sleep(0.02)
        self.assertEqual(answer.status, 200, answer.text)
        values = {p["name"]: next(v for k, v in p.items() if k.startswith("value"))
                  for p in json.loads(answer.text)["parameter"]}
        socket = WebSocket("127.0.0.1", self.daemon.fhir_port, "/fhir/r4/websocket")
        self.addCleanup(socket.close)
        socket.send("bind-with-token " + values["token"])
        return socket


if __name__ == "__main__":
    unittest.main(verbosity=2)
