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
    - {{issuer: "urn:staff", audience: api, jwks_file: {folder}/staff.jwks, clinics_claim: clinics}}
  rate_limit: {{requests_per_second: 0, unauthenticated_per_second: 0}}
"""
ALL = "patient/*.cruds"


class Attacks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="carestream-attacks-")
        cls.addClassCleanup(folder.cleanup)
        cls.people = Issuer("urn:people", "api", Path(folder.name) / "people")
        cls.staff = Issuer("urn:staff", "api", Path(folder.name) / "staff")
        config = Path(folder.name) / "attacks.yaml"
        config.write_text(CONFIG.format(home=HOME, folder=folder.name))
        cls.daemon = Daemon(config)
        cls.addClassCleanup(cls.daemon.close)
        cls.daemon.start()
        cls.system = cls.client(token(cls.daemon.state, "--scope", "system/*.cruds", "--expires", "1d")[1])
        cls.fill()
        cls.mine = cls.staff.token(sub="attackers-login", patient="a-patient", scope=ALL)
        cls.theirs = cls.staff.token(sub="victims-login", patient="b-patient", scope=ALL)
        statement = json.loads(cls.system.ask(Request("GET", "/metadata")).text)["rest"][0]
        cls.capability, cls.system_operations = statement["resource"], statement.get("operation", [])

    @classmethod
    def client(cls, who, headers=None):
        made = Client(cls.daemon.fhir_port, who, headers)
        cls.addClassCleanup(made.close)
        return made

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
            "y-performed", "y-asserted", "y-written", "y-answered", "y-sent", "y-paid"]
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
            # A type that is refused as such is refused however it is searched: some of the list shows it.
            refused = client.ask(Request("GET", f"/{name}")).status == 403
            for request in list(attacks.searches(one))[::7 if refused else 1]:
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
            answer = self.system.ask(Request("GET", f"/{name}/{resource['id']}?_format=json"))
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
        # Nor by what is said of him in it.
        for status, count in (("accepted", 1), ("declined", 0)):
            found = json.loads(client.ask(Request("GET", f"/Appointment?part-status={status}&_id=x-group"
                                                  "&_total=accurate")).text)
            self.assertEqual(found["total"], count, status)
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

    def test_confidential_is_hidden_from_carers(self):
        """Labels of messages, also of later ones, and of people."""
        self.put({"resourceType": "RelatedPerson", "id": "a-aunt", "patient": {"reference": "Patient/a-patient"}})
        code = self.daemon.cli("link", "code", "a-patient", "--carer", "a-aunt", "--json")
        login = self.people.token(sub="aunt", scope="openid " + ALL)
        self.assertEqual(ask(f"{self.daemon.fhir}/Patient/$link", login,
                             attacks.parameters(code=json.loads(code.stdout)["code"]))[0], 200)
        aunt, mine = self.client(login), self.client(self.mine)
        document = {"resourceType": "DocumentReference", "id": "r-document", "status": "current",
                    "subject": {"reference": "Patient/a-patient"}, "content": [{"attachment": {"url": "Binary/r-binary"}}]}
        self.put(document)
        self.put({"resourceType": "Binary", "id": "r-binary", "contentType": "text/plain", "data": "cmVzdHJpY3RlZA==",
                  "securityContext": {"reference": "DocumentReference/r-document"}})
        paths = ["/DocumentReference/r-document", "/Binary/r-binary"]
        self.assertEqual([aunt.ask(Request("GET", path)).status for path in paths], [200, 200])
        before = json.loads(aunt.ask(Request("GET", "/DocumentReference?_total=accurate")).text)["total"]
        label = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}
        self.put({**document, "meta": label})
        judge = Judge(["r-document"], {"r-document": "g-document", "r-binary": "g-binary"}, "restricted")
        for path in [*paths, *(path + "/_history" for path in paths), *(path + "/_history/1" for path in paths),
                     "/DocumentReference?_id=r-document", "/DocumentReference?_total=accurate",
                     "/DocumentReference?_security=R", "/Patient?_revinclude=DocumentReference:subject"]:
            judge.attack(aunt, Request("GET", path))
            judge.attack(aunt, Request("GET", path, headers={"Range": "bytes=0-3", "Accept": "*/*"}))
        after = json.loads(aunt.ask(Request("GET", "/DocumentReference?_total=accurate")).text)["total"]
        self.assertEqual(after, before - 1)
        self.assertEqual([mine.ask(Request("GET", path)).status for path in paths], [200, 200])
        self.conclude(judge, [aunt, mine], 10)

    def test_a_later_message_may_make_a_result_confidential(self):
        patient = self.messaged[("Patient", "A2000")]
        self.put({"resourceType": "RelatedPerson", "id": "a-uncle", "patient": {"reference": f"Patient/{patient}"}})
        code = self.daemon.cli("link", "code", patient, "--carer", "a-uncle", "--json")
        login = self.people.token(sub="uncle", scope="openid " + ALL)
        self.assertEqual(ask(f"{self.daemon.fhir}/Patient/$link", login,
                             attacks.parameters(code=json.loads(code.stdout)["code"]))[0], 200)
        uncle = self.client(login)
        paths = [f"/{name}/{self.messaged[(name, 'A2000', 0)]}" for name in ("DiagnosticReport", "Observation")]
        self.assertEqual([uncle.ask(Request("GET", path)).status for path in paths], [200, 200])
        order = "ORC|RE|a-placer|a-filler" + "|" * 25 + "R^Restricted^HL70177\rOBR|"
        link = MllpLink(self.daemon.mllp_port)
        later = corpus.messages("a", "own")[1].replace("|a1|", "|a-later|").replace("OBR|", order)
        self.assertEqual(ack_code(link.send(later)), "AA")
        link.close()
        deadline = time.monotonic() + 30
        while any('"R"' not in self.system.ask(Request("GET", path)).text for path in paths):
            self.assertLess(time.monotonic(), deadline)
        for path in paths:
            self.assertEqual([uncle.ask(Request("GET", path + tail)).status for tail in ("", "/_history/1")], [404, 404])

    def test_staff_of_another_clinic(self):
        def tagged(clinic, resource, **more):
            tag = [{"system": "urn:carestream:clinic", "code": clinic}]
            return {**resource, "id": f"{clinic.lower()}-{resource['resourceType'].lower()}", "meta": {"tag": tag}, **more}

        own, theirs = corpus.of_patient("a", "own"), corpus.of_patient("a", "hush-hush")
        types = ("Encounter", "Appointment")
        for name in types:
            self.put(tagged("North", own[name]))
            self.put(tagged("South", theirs[name]))
        self.put({**own["Observation"], "id": "a-of-south", "encounter": {"reference": "Encounter/south-encounter"}})
        nurse = self.client(self.staff.token(sub="nurse", scope="user/*.cruds", clinics=["North", "East"]))
        for name in types:
            instance = f"/{name}/north-{name.lower()}"
            self.assertEqual(nurse.ask(Request("GET", instance)).status, 200)
            found = json.loads(nurse.ask(Request("GET", f"/{name}?_total=accurate")).text)
            self.assertEqual([entry["resource"]["id"] for entry in found["entry"]], [instance.split("/")[2]])
            self.assertEqual(found["total"], 1)
        judge = Judge(["south-appointment"], {"south-": "gouth-", "b-": "g-"}, "hush-hush")
        for one in self.capability:
            if one["type"] not in types:
                for include in one.get("searchRevInclude", []) + one.get("searchInclude", []):
                    if "Encounter" in include or "encounter" in include or "ppointment" in include:
                        for kind in ("_include", "_revinclude"):
                            judge.attack(nurse, Request("GET", f"/{one['type']}?{kind}={include}"))
                continue
            name = one["type"]
            for request in attacks.searches(one):
                judge.attack(nurse, request)
            south, tag = f"south-{name.lower()}", {"system": "urn:carestream:clinic"}
            for request in [*attacks.reads(name, south), *attacks.writes(name, south, own[name])]:
                judge.attack(nurse, request)
            # Into another clinic, or out of one's own sight, nothing is moved.
            moved = tagged("North", own[name])
            for meta in ({"tag": [{**tag, "code": "South"}]}, {"language": "de"}):
                answer = nurse.ask(Request("PUT", f"/{name}/{moved['id']}", {**own[name], "id": moved["id"], **meta}
                                           if "language" in meta else {**moved, "meta": meta}))
                self.assertEqual(answer.status, 403, answer.text)
            answer = nurse.ask(Request("PUT", f"/{name}/{moved['id']}", {**moved, "language": "de"}))
            self.assertEqual(answer.status, 200, answer.text)
        for request in attacks.operations([one for one in self.capability if one["type"] in types], []):
            if "s-slot" not in request.text():  # he may book a free slot, for whomever he sees
                judge.attack(nurse, Request(request.method, request.path.replace("/b-", "/south-"), request.body))
        # What unconfined staff is told of is not for him; what he is told of is of his clinics.
        made = json.loads(self.subscribe(self.system, "Encounter?").text)["id"]
        for tail in ("/$events?content=full-resource", "/$status", "/$get-ws-binding-token"):
            answer = nurse.ask(Request("GET", f"/Subscription/{made}{tail}"))
            judge.look_for_leaks(tail, answer.text)
            self.assertTrue(answer.status == 404 or '"total":0' in answer.text, answer.text)
        told = json.loads(self.subscribe(nurse, "Encounter?").text)["id"]
        heard = self.bind(nurse, told)
        self.put(tagged("South", theirs["Encounter"], language="fr"))
        self.put(tagged("North", own["Encounter"], language="fr"))
        self.assertTrue(heard.receive().startswith("bound"))
        self.assertEqual(heard.receive(), "ping " + told)
        events = nurse.ask(Request("GET", f"/Subscription/{told}/$events?content=full-resource"))
        judge.look_for_leaks("Encounter?", events.text)
        self.assertNotIn('"valueString":"2"', events.text)
        self.assertIn("north-encounter", events.text)
        nowhere = self.client(self.staff.token(sub="new", scope="user/*.cruds"))
        self.assertEqual(json.loads(nowhere.ask(Request("GET", "/Encounter?_total=accurate")).text)["total"], 0)
        self.assertEqual(nowhere.ask(Request("GET", "/Encounter/north-encounter")).status, 404)
        self.conclude(judge, [nurse], 500)

    def test_links_of_pages_are_nobody_elses(self):
        judge, mine, theirs = self.judge(), self.client(self.mine), self.client(self.theirs)
        for path in ("/Observation?_count=1", "/Coverage?_count=1", "/QuestionnaireResponse?_count=1",
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
            if answer.status == 200:
                own += 1
                if "attackers-login" not in answer.text:  # whom he himself asked for, he may hear
                    judge.look_for_leaks(Request("GET", f"/AuditEvent/{number}"), answer.text)
                continue
            nobody = mine.ask(Request("GET", "/AuditEvent/999999999"))
            self.assertEqual((answer.status, answer.text), (nobody.status, nobody.text))
        self.assertLess(own, len(numbers[:200]))
        # Who of the other patients looked at a group's appointment is his matter.
        events = mine.ask(Request("GET", "/AuditEvent?_count=1000"))
        self.assertTrue("Appointment/x-group" in events.text)
        self.assertFalse("victims-login" in events.text)
        self.conclude(judge, [mine], 10)

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
                    if text.startswith("ping") and "b-patient" in one:
                        judge.found.append("tells who else is there: " + one)
            except (TimeoutError, OSError):
                pass
        self.assertGreater(heard["Observation?"], 1, "that it is bound, and the attacker's own")
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
