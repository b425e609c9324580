#!/usr/bin/env python3
"""Goal: people and services log in at a real OpenID Connect provider, and the daemon takes its tokens and no
others. Method: a real daemon, the provider of tests/support/provider, authorise with PKCE and its log-in form, refresh,
rotation of keys, link codes, Backend Services with private_key_jwt."""
import json
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from auth_test import BASE, ask, token  # noqa: E402
from daemon import Daemon  # noqa: E402
from provider import BackendKey, Provider  # noqa: E402

AUTH = """
auth:
  mode: tokens
  local_tokens: true
  issuers:
    - issuer: {trusted}
      audience: {audience}
      jwks_url: {trusted}/jwks
      authorization_endpoint: {trusted}/auth
      token_endpoint: {trusted}/token
    - issuer: {linked}
      audience: {audience}
      jwks_url: {linked}/jwks
      patient_claim: link
"""
SCOPE = "openid patient/*.rs"


class LogIn(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="carestream-login-")
        cls.addClassCleanup(folder.cleanup)
        config = Path(folder.name) / "login.yaml"
        cls.daemon = Daemon(config)
        cls.key = cls.enterClassContext(BackendKey())
        cls.trusted = cls.enterClassContext(Provider(
            cls.daemon.fhir, other_audiences=["urn:other"],
            backends=[{"client_id": "lab", "jwks": cls.key.jwks, "scope": "system/Observation.rs system/Patient.rs"}]))
        cls.linked = cls.enterClassContext(Provider(cls.daemon.fhir, accounts=[{"login": "cem"}, {"login": "dora"}]))
        config.write_text(BASE + AUTH.format(trusted=cls.trusted.issuer, linked=cls.linked.issuer, audience=cls.daemon.fhir))
        cls.addClassCleanup(cls.daemon.close)
        cls.daemon.start()
        cls.staff = token(cls.daemon.state, "--scope", "system/*.cruds")[1]
        cls.patients = []
        for login in ("ann", "bea"):
            patient = cls.make({"resourceType": "Patient", "name": [{"family": login}]})
            cls.make({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
                      "subject": {"reference": f"Patient/{patient}"}})
            cls.trusted.add_account(login=login, patient=patient)
            cls.patients.append(patient)

    @classmethod
    def make(cls, resource):
        status, _, made = ask(f"{cls.daemon.fhir}/{resource['resourceType']}", cls.staff, resource)
        assert status == 201, made
        return made["id"]

    def subjects(self, access_token):
        status, _, found = ask(f"{self.daemon.fhir}/Observation", access_token)
        self.assertEqual(status, 200, found)
        return [e["resource"]["subject"]["reference"] for e in found.get("entry", [])]

    def log_in(self, provider, login, scope=SCOPE):
        return provider.redeem(*provider.authorise(login, scope))

    def test_a_client_finds_its_way_and_sees_its_patient_alone(self):
        smart = ask(f"{self.daemon.fhir}/.well-known/smart-configuration")[2]
        self.assertEqual(smart["issuer"], self.trusted.issuer)
        self.assertIn("S256", smart["code_challenge_methods_supported"])
        code, verifier = self.trusted.authorise("ann", SCOPE, smart["authorization_endpoint"], aud=self.daemon.fhir)
        tokens = self.trusted.redeem(code, verifier, smart["token_endpoint"])
        mine = [f"Patient/{self.patients[0]}"]
        self.assertEqual(self.subjects(tokens["access_token"]), mine)
        self.assertEqual(ask(f"{self.daemon.fhir}/{mine[0]}", tokens["access_token"])[0], 200)
        self.assertEqual(ask(f"{self.daemon.fhir}/Patient/{self.patients[1]}", tokens["access_token"])[0], 404)
        refused = ask(f"{self.daemon.fhir}/Observation", tokens["access_token"],
                      {"resourceType": "Observation", "status": "final", "code": {"text": "y"}})
        self.assertEqual(refused[0], 403, "the scopes let read only")

    def test_there_is_no_page_unless_it_is_configured(self):
        self.assertEqual(ask(self.daemon.fhir.replace("/fhir/r4", "/app/"))[0], 404)

    def test_a_refreshed_token_works_and_the_old_refresh_token_is_spent(self):
        first = self.log_in(self.trusted, "ann")
        status, second = self.trusted.refresh(first["refresh_token"])
        self.assertEqual(status, 200, second)
        self.assertNotEqual(second["access_token"], first["access_token"])
        self.assertEqual(self.subjects(second["access_token"]), [f"Patient/{self.patients[0]}"])
        self.assertEqual(self.trusted.refresh(first["refresh_token"])[1]["error"], "invalid_grant")

    def test_codes_of_others_are_worth_nothing(self):
        code, _ = self.trusted.authorise("ann", SCOPE)
        with self.assertRaisesRegex(AssertionError, "invalid_grant"):
            self.trusted.redeem(code, "v" * 64)
        with self.assertRaisesRegex(AssertionError, "was not sent back"):
            self.trusted.authorise("nobody", SCOPE)

    def test_tokens_for_another_service_are_refused(self):
        code, verifier = self.trusted.authorise("ann", SCOPE, resource="urn:other")
        tokens = self.trusted.redeem(code, verifier)
        status, headers, _ = ask(f"{self.daemon.fhir}/Observation", tokens["access_token"])
        self.assertEqual(status, 401)
        self.assertIn("invalid_token", headers["WWW-Authenticate"])
        # What says who somebody is does not let him in.
        self.assertEqual(ask(f"{self.daemon.fhir}/Observation", tokens["id_token"])[0], 401)

    def test_a_new_key_is_taken_up_and_the_old_one_stays_good(self):
        with Provider(self.daemon.fhir, accounts=[{"login": "ann", "patient": "p"}]) as stranger:
            self.assertEqual(ask(f"{self.daemon.fhir}/Observation",
                                 self.log_in(stranger, "ann")["access_token"])[0], 401)
        before = self.log_in(self.trusted, "ann")["access_token"]
        self.trusted.rotate()
        after = self.log_in(self.trusted, "ann")["access_token"]
        # A key that is not known is asked for at most once a minute, and the first fetch was at the start.
        deadline = time.monotonic() + 90
        while ask(f"{self.daemon.fhir}/Observation", after)[0] == 401:
            self.assertLess(time.monotonic(), deadline, "the new key was not taken up")
            after = self.log_in(self.trusted, "ann")["access_token"]
            time.sleep(1)
        self.assertEqual(self.subjects(after), [f"Patient/{self.patients[0]}"])
        self.assertEqual(self.subjects(before), [f"Patient/{self.patients[0]}"])

    def test_a_service_shows_a_signed_assertion_and_reads_what_it_may(self):
        with BackendKey() as other:
            self.assertEqual(self.service_token("system/Observation.rs", other)[1]["error"], "invalid_client")
        status, granted = self.service_token("system/Observation.rs system/Appointment.rs", self.key)
        self.assertEqual((status, granted["scope"]), (200, "system/Observation.rs"), granted)
        self.assertEqual(len(set(self.subjects(granted["access_token"]))), 2)
        self.assertEqual(ask(f"{self.daemon.fhir}/Appointment", granted["access_token"])[0], 403)

    def service_token(self, scope, key):
        assertion = key.assertion("lab", self.trusted.token_endpoint, int(time.time()))
        return self.trusted.post(
            self.trusted.token_endpoint, grant_type="client_credentials", scope=scope, client_assertion=assertion,
            client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer")

    def test_a_code_of_the_clinic_links_a_log_in_to_its_patient(self):
        mine = self.log_in(self.linked, "cem")["access_token"]
        self.assertEqual(ask(f"{self.daemon.fhir}/Observation", mine)[0], 403)
        code = self.daemon.cli("link", "code", self.patients[1]).stdout.splitlines()[0]
        redeem = {"resourceType": "Parameters", "parameter": [{"name": "code", "valueString": code}]}
        status, _, linked = ask(f"{self.daemon.fhir}/Patient/$link", mine, redeem)
        self.assertEqual(status, 200, linked)
        self.assertIn(f"Patient/{self.patients[1]}", json.dumps(linked))
        self.assertEqual(self.subjects(mine), [f"Patient/{self.patients[1]}"])
        # The link is the log-in's, not the token's; and nobody else's.
        self.assertEqual(self.subjects(self.log_in(self.linked, "cem")["access_token"]), [f"Patient/{self.patients[1]}"])
        other = self.log_in(self.linked, "dora")["access_token"]
        self.assertEqual(ask(f"{self.daemon.fhir}/Observation", other)[0], 403)
        self.assertEqual(ask(f"{self.daemon.fhir}/Patient/$link", other, redeem)[0], 400)


if __name__ == "__main__":
    unittest.main(verbosity=2)
