#!/usr/bin/env python3
"""Goal: the daemon takes the tokens that its configuration names and no others; without tokens it
answers this machine only. Method: a real daemon, tokens of `carestream token`, and what --check
says of configurations that would leave the door open."""
import json
import os
import stat
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from daemon import HOME, Daemon, binary_folder  # noqa: E402

BASE = f"""
state: "${{env:CARESTREAM_STATE}}"
fhir: {{listen: "${{env:CARESTREAM_FHIR}}"}}
admin: {{listen: "${{env:CARESTREAM_ADMIN}}"}}
channels: {HOME}/channels
mappings: {HOME}/mappings
"""


def ask(url, token=None, body=None, **headers):
    """Status, headers and parsed body."""
    request = urllib.request.Request(url, data=json.dumps(body).encode() if body else None, headers=dict(headers))
    if token:
        request.add_header("Authorization", "Bearer " + token)
    if body:
        request.add_header("Content-Type", "application/fhir+json")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, error.headers, json.load(error)


def token(state, *arguments):
    done = subprocess.run([binary_folder() / "carestream", "token", "--state", state, *arguments], text=True,
                          capture_output=True, timeout=20)
    return done.returncode, (done.stdout or done.stderr).strip()


class Tokens(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="carestream-auth-")
        cls.addClassCleanup(folder.cleanup)
        config = Path(folder.name) / "tokens.yaml"
        config.write_text(BASE + "auth: {mode: tokens, local_tokens: true}\n")
        cls.daemon = Daemon(config)
        cls.addClassCleanup(cls.daemon.close)
        cls.daemon.start()
        cls.admin = token(cls.daemon.state, "--scope", "system/*.cruds")[1]

    def make(self, resource):
        status, _, made = ask(f"{self.daemon.fhir}/{resource['resourceType']}", self.admin, resource)
        self.assertEqual(status, 201, made)
        return made["id"]

    def test_without_a_token_nothing(self):
        status, headers, body = ask(f"{self.daemon.fhir}/Patient")
        self.assertEqual(status, 401)
        self.assertTrue(headers["WWW-Authenticate"].startswith("Bearer"))
        self.assertEqual(body["resourceType"], "OperationOutcome")
        self.assertEqual(ask(f"{self.daemon.fhir}/Patient", self.admin[:-4] + "AAAA")[0], 401)
        self.assertEqual(ask(f"{self.daemon.fhir}/metadata")[0], 200)
        self.assertIn("permission-v2", ask(f"{self.daemon.fhir}/.well-known/smart-configuration")[2]["capabilities"])

    def test_accesses_are_told_by_the_command_line(self):
        patient = self.make({"resourceType": "Patient", "name": [{"family": "Cee"}]})
        told = self.daemon.cli("audit", "--patient", patient, "--since", "1h", "--json")
        accesses = json.loads(told.stdout)["accesses"]
        self.assertEqual([a["interaction"] for a in accesses], ["search-type", "create"])
        self.assertEqual([a["issuer"] for a in accesses], ["admin.sock", "urn:carestream:local"])
        self.assertIn("create", self.daemon.cli("audit", "--limit", "5").stdout)
        status, _, events = ask(f"{self.daemon.fhir}/AuditEvent?patient={patient}", self.admin)
        self.assertEqual((status, len(events["entry"])), (200, 2))

    def test_links_are_kept_by_the_command_line(self):
        patient = self.make({"resourceType": "Patient", "name": [{"family": "Dee"}]})
        mother = self.make({"resourceType": "RelatedPerson", "patient": {"reference": f"Patient/{patient}"}})
        code = self.daemon.cli("link", "code", patient).stdout.splitlines()[0]
        self.assertRegex(code, r"^[0-9A-Z]{5}-[0-9A-Z]{5}$")
        made = self.daemon.cli("link", "code", patient, "--carer", mother, "--until", "2999-01-01", "--json")
        self.assertNotEqual(json.loads(made.stdout)["code"], code)
        self.assertEqual(self.daemon.cli("link", "code", "nobody", check=False).returncode, 2)
        wrong = self.daemon.cli("link", "code", patient, "--carer", "nobody", check=False)
        self.assertIn("no such RelatedPerson", wrong.stderr)
        self.assertIn("No log-in", self.daemon.cli("link", "list", patient).stdout)
        self.assertEqual(self.daemon.cli("link", "revoke", patient, check=False).stdout, "0 links ended\n")
        accesses = json.loads(self.daemon.cli("audit", "--patient", patient, "--json").stdout)["accesses"]
        self.assertEqual([(a["operation"], a["status"]) for a in accesses if a["operation"]],
                         [("unlink", 200), ("links", 200), ("link-code", 400), ("link-code", 200), ("link-code", 200)])

    def test_a_patient_sees_his_own(self):
        ids = [self.make({"resourceType": "Patient", "name": [{"family": name}]}) for name in ("Ann", "Bea")]
        for patient in ids:
            self.make({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
                       "subject": {"reference": f"Patient/{patient}"}})
        code, mine = token(self.daemon.state, "--patient", ids[0], "--scope", "patient/*.rs", "--expires", "10m")
        self.assertEqual(code, 0, mine)
        status, _, found = ask(f"{self.daemon.fhir}/Observation", mine)
        self.assertEqual(status, 200, found)
        self.assertEqual([e["resource"]["subject"]["reference"] for e in found["entry"]], [f"Patient/{ids[0]}"])
        self.assertEqual(ask(f"{self.daemon.fhir}/Patient/{ids[0]}", mine)[0], 200)
        self.assertEqual(ask(f"{self.daemon.fhir}/Patient/{ids[1]}", mine)[0], 404)
        self.assertEqual(ask(f"{self.daemon.fhir}/Patient", mine, {"resourceType": "Patient"})[0], 403)
        # Nothing of them is in the log.
        log = self.daemon.log_path.read_text()
        self.assertNotIn(ids[0], log)
        self.assertNotIn(mine.split(".")[1], log)

    def test_the_key_is_nobody_elses(self):
        key = self.daemon.state / "auth" / "local.key"
        self.assertEqual(stat.S_IMODE(os.stat(key).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(key.parent).st_mode), 0o700)
        with tempfile.TemporaryDirectory() as other:
            foreign = token(other, "--scope", "system/*.cruds")[1]
        self.assertEqual(ask(f"{self.daemon.fhir}/Patient", foreign)[0], 401)

    def test_mistakes_are_told(self):
        for arguments, said in ((["--scope", "patient/*.rs"], "patient"), (["--scope", "everything"], "scope"),
                                (["--scope", "system/*.rs", "--expires", "1y"], "--expires"),
                                (["--scope", "patient/*.rs", "--patient", "a b"], "id")):
            code, text = token(self.daemon.state, *arguments)
            self.assertEqual(code, 2, text)
            self.assertIn(said, text)


class Open(unittest.TestCase):
    def test_other_sites_are_refused(self):
        with Daemon() as daemon:
            url = f"{daemon.fhir}/Patient"
            self.assertEqual(ask(url)[0], 200)
            self.assertEqual(ask(url, Host="evil.example")[0], 403)
            self.assertEqual(ask(url, Origin="https://evil.example")[0], 403)
            code, made = token(daemon.state, "--scope", "system/*.rs")
            self.assertEqual(code, 0)
            self.assertEqual(ask(url, made)[0], 200, "a token is not asked for, and does no harm")


class Check(unittest.TestCase):
    def said(self, text):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "c.yaml"
            file.write_text(BASE + text)
            environment = dict(os.environ, CARESTREAM_STATE=folder, CARESTREAM_ADMIN="127.0.0.1:0")
            environment.setdefault("CARESTREAM_FHIR", "0.0.0.0:8080")
            (Path(folder) / "keys.json").write_text('{"keys": [{"kty": "oct", "kid": "a", "k": "AAAA"}]}')
            done = subprocess.run([binary_folder() / "carestreamd", "--config", file, "--check"], text=True,
                                  capture_output=True, timeout=60, env=environment, cwd=HOME)
            return done.returncode, done.stdout + done.stderr

    def test_open_doors_are_refused(self):
        issuer = "issuer: \"https://a\", audience: b"
        for text, wanted in (("", "loopback"), ("auth: {mode: open}", "loopback"),
                             ("auth: {mode: tokens}", "nobody could get in"),
                             (f"auth: {{mode: tokens, issuers: [{{{issuer}, jwks_file: absent.json}}]}}", "absent.json"),
                             (f"auth: {{mode: tokens, issuers: [{{{issuer}, jwks_file: keys.json}}]}}", "usable")):
            code, said = self.said(text)
            self.assertNotEqual(code, 0, text)
            self.assertIn(wanted, said)
        self.assertEqual(self.said("auth: {mode: tokens, local_tokens: true}")[0], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
