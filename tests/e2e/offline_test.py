#!/usr/bin/env python3
"""Goal: what operators do with YAML before it goes into service: lint, map --channel, new channel, test.
Method: the CLI over folders made for each test; no daemon runs."""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from daemon import HOME, binary_folder  # noqa: E402

CHANNEL = """channel: {name}
tenant: {tenant}
source: {{mllp: {{listen: "127.0.0.1:2599"}}}}
time_zone: America/New_York
assigning_authority: NORTH
authority_for: [Patient, Encounter]
mapping: {{messages: [ADT]}}
"""


class Offline(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="carestream-offline-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "channels").mkdir()

    def write(self, name, text):
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def cli(self, *arguments, code=0):
        """stdout and stderr of a command that must end with `code`."""
        environment = {k: v for k, v in os.environ.items() if k != "CARESTREAM_STATE"}
        done = subprocess.run([binary_folder() / "carestream", *map(str, arguments)], env=environment,
                              capture_output=True, text=True, timeout=120, cwd=self.folder)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout, done.stderr


class Tenants(Offline):
    def setUp(self):
        super().setUp()
        self.conf = self.write("conf/carestream.yaml", "tenants: {main: 1, north: 2}\n")
        self.channel = self.write("channels/n.yaml", CHANNEL.format(name="n", tenant="north"))

    def test_lint_takes_the_tenants_of_the_configuration(self):
        self.assertIn("no mistakes", self.cli("lint", self.folder)[0])
        self.assertIn("no mistakes", self.cli("lint", self.folder, "--config", self.conf)[0])

    def test_an_unknown_tenant_is_named_with_its_place_and_the_nearest(self):
        self.channel.write_text(CHANNEL.format(name="n", tenant="nort"))
        out, _ = self.cli("lint", self.folder, code=1)
        self.assertIn(f"{self.channel}:2:9: unknown tenant 'nort', did you mean 'north'?", out)
        other = self.write("other.yaml", "tenants: {south: 3}\n")
        self.channel.write_text(CHANNEL.format(name="n", tenant="north"))
        out, _ = self.cli("lint", self.folder, "--config", other, code=1)
        self.assertIn(f"{self.channel}:2:9: unknown tenant 'north'", out)

    def test_lint_checks_the_configuration_itself(self):
        self.conf.write_text("tenants: {main: 1, north: 1}\nstor: {}\nchannels: ../channels\n")
        out, _ = self.cli("lint", self.folder, code=1)
        self.assertIn(f"{self.conf}:1:10: tenants 'main' and 'north' have the same number", out)
        self.assertIn(f"{self.conf}:2:1: unknown key 'stor', did you mean 'store'?", out)
        self.assertNotIn("n.yaml", out, "channels are not judged by tenants that are wrong")
        out, _ = self.cli("lint", self.folder, "--config", "absent.yaml", code=1)
        self.assertIn("absent.yaml: cannot be read", out)

    def test_map_reads_the_same_tenants(self):
        # The rest of the configuration may need secrets that only the daemon may read.
        self.conf.write_text('store: {postgres: "${file:/nowhere/password}"}\ntenants: {north: 2}\n')
        sample = HOME / "tests/samples/01-adt-a01-admit.hl7"
        out, _ = self.cli("map", sample, "--config", self.conf, "--channel", "n")
        self.assertIn('"resourceType": "Patient"', out)
        self.conf.write_text("tenants: {south: 2}\n")
        _, err = self.cli("map", sample, "--config", self.conf, "--channel", "n", code=2)
        self.assertIn("n.yaml:2:9: unknown tenant 'north'", err)

    def test_mappings_without_a_channel_are_judged(self):
        self.channel.unlink()
        self.write("mappings/segments/PID.Patient.yaml", "map: PID -> Patien\n")
        out, _ = self.cli("lint", self.folder, code=1)
        self.assertIn("segments/PID.Patient.yaml:1:6: unknown FHIR type 'Patien'", out)

    def test_the_house_is_without_mistakes(self):
        self.assertIn("no mistakes", self.cli("lint")[0])


BAD = ("MSH|^~\\&|EHR|MAIN|CS|MAIN|20260102030405||ADT^A01^ADT_A01|T1|P|2.5.1\r"
       "PID|1||100^^^MAIN^MR||Roe^Jane||19801302|X\rPV1|1|I|4W^412^A\r")


class Mapping(Offline):
    def test_what_was_dropped_is_said(self):
        file = self.write("bad.hl7", BAD + BAD.replace("19801302", "19801202"))
        out, err = self.cli("map", file, "--ndjson")
        self.assertEqual(err.splitlines(), [
            f"{file}: message 1: PID-7.1: not a date (month out of range)",
            f"{file}: message 1: PID-8.1: code not in table 0001",
            f"{file}: message 2: PID-8.1: code not in table 0001"])
        self.assertEqual(len(out.splitlines()), 2)
        self.assertEqual(self.cli("map", file, "--ndjson", "--quiet"), (out, ""))
        # The report tells it all, one JSON object a line.
        for line in self.cli("map", file, "--report", "json")[1].splitlines():
            json.loads(line)

    def test_mistakes_in_mappings_are_named_by_a_path_that_opens(self):
        file = self.write("mappings/segments/PID.Patient.yaml", "map: PID -> Patien\n")
        sample = HOME / "tests/samples/01-adt-a01-admit.hl7"
        for mappings in (file.parents[1], "mappings"):
            _, err = self.cli("map", sample, "--mappings", mappings, code=2)
            self.assertIn(f"{mappings}/segments/PID.Patient.yaml:1:6: ", err)
        self.write("channels/n.yaml", CHANNEL.format(name="n", tenant="main"))
        self.assertIn(f"{file}:1:6: ", self.cli("lint", self.folder, code=1)[0])
        self.assertIn(f"{file}:1:6: ", self.cli("test", self.folder, code=2)[1])


    def test_a_channel_takes_what_the_daemon_would_take(self):
        self.write("channels/n.yaml", CHANNEL.format(name="n", tenant="main"))
        good = BAD.replace("19801302", "19801202")
        for change, said in ((("|P|", "|T|"), "MSH-11.1: this channel does not take this processing id"),
                             (("ADT^A01^ADT_A01", "ORU^R01"), "MSH-9: no map for the event in this channel"),
                             (("ADT^A01^ADT_A01", "AD^A01"), "MSH-9: not a message code")):
            file = self.write("m.hl7", good.replace(*change))
            out, err = self.cli("map", file, "--channel", "n", "--channels", "channels", code=1)
            self.assertIn(f"{file}: message 1: {said}", err)
            self.assertEqual(out, "")
        self.cli("map", self.write("m.hl7", good), "--channel", "n", "--channels", "channels")

    def test_what_has_no_map_is_reported_leaf_by_leaf(self):
        file = self.write("m.hl7", BAD.replace("ADT^A01^ADT_A01", "ADT^A99"))
        _, err = self.cli("map", file, "--report", "json", code=1)
        report = json.loads(err.splitlines()[0])
        self.assertEqual(report["mapped"], [])
        self.assertEqual(len(report["unmapped"]), report["leaves"])
        self.assertIn({"path": "PID-7.1", "reason": "no message map covers this event"}, report["unmapped"])


class Coverage(Offline):
    def test_a_feed_says_where_to_begin(self):
        feed = self.write("feed.hl7", BAD + BAD.replace("ADT^A01^ADT_A01", "ADT^A99"))
        cut = self.write("cut.hl7", "MSH")
        out, _ = self.cli("coverage", feed, cut)
        self.assertIn("3 messages: 1 mapped, 1 without a map, 0 unusable, 1 no HL7", out)
        self.assertRegex(out, r"1 +1  ADT\^A99  no message map covers this event")
        self.assertRegex(out, r"1 +1  PID-7\.1  not a date \(month out of range\)  ADT\^A01")
        self.assertRegex(out, r"1 +1  PID-8\.1 \(table 0001\)  \w")
        self.assertNotIn("19801302", out, "no values but codes")
        counts = json.loads(self.cli("coverage", feed, cut, "--json")[0])
        self.assertEqual((counts["messages"], counts["mapped"], counts["unreadable"]), (3, 1, 1))
        self.assertEqual(counts["no_map"][0]["events"], ["ADT^A99"])
        self.assertIn("--limit shows them", self.cli("coverage", feed, "--limit", "1")[0])

    def test_a_channel_judges_as_the_daemon_would(self):
        self.write("channels/n.yaml", CHANNEL.format(name="n", tenant="main"))
        feed = self.write("feed.hl7", BAD.replace("ADT^A01^ADT_A01", "ORU^R01"))
        out, _ = self.cli("coverage", feed, "--channel", "n", "--channels", "channels")
        self.assertIn("no map for the event in this channel", out)
        self.cli("coverage", "absent.hl7", code=1)
        self.cli("coverage", feed, "--channel", "m", "--channels", "channels", code=2)


class Against(Offline):
    def test_a_changed_map_shows_what_it_changes(self):
        shutil.copytree(HOME / "mappings", self.folder / "new")
        file = self.write("m.hl7", BAD + BAD.replace("|X\r", "|F\r"))
        self.assertEqual(self.cli("map", file, "--against", "new"), ("", "0 of 2 messages differ\n"))
        table = self.folder / "new/tables/AdministrativeSex.yaml"
        table.write_text(table.read_text().replace("F: female", "F: other\n  X: other"))
        out, err = self.cli("map", file, "--against", "new", code=1)
        self.assertEqual(err, "2 of 2 messages differ\n")
        lines = out.splitlines()
        self.assertRegex(lines[0], rf"^{file}: message 1: Patient/[-0-9a-f]+\.gender$")
        self.assertEqual(lines[1:3], ['  - "unknown"', '  + "other"'])
        self.assertEqual(lines[4:], ['  - "female"', '  + "other"'])
        (self.folder / "new/messages/ADT_A01.yaml").unlink()
        out, _ = self.cli("map", file, "--against", "new", code=1)
        self.assertIn("  + MSH-9: no message map covers this event", out)
        table.write_text("tabel: x\n")
        _, err = self.cli("map", file, "--against", "new", code=2)
        self.assertIn("new/tables/AdministrativeSex.yaml:1:1: ", err)


class Profiles(Offline):
    GOOD = "MSH|^~\\&|EHR|MAIN|CS|MAIN|20260102||ADT^A31^ADT_A05|T1|P|2.5.1\rPID|1||1^^^M^MR||Roe^Jane||1980|F||2106-3\r"
    PATIENT = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"

    def resources(self, *arguments):
        out, err = self.cli("map", *arguments, "--ndjson")
        return {e["resource"]["resourceType"]: e["resource"] for e in json.loads(out)["entry"]}, err

    def test_they_are_claimed_when_asked_for(self):
        file = self.write("m.hl7", self.GOOD)
        self.assertNotIn("meta", self.resources(file)[0]["Patient"])
        patient = self.resources(file, "--profile", "us-core")[0]["Patient"]
        self.assertEqual((patient["meta"]["profile"], "extension" in patient), ([self.PATIENT], False))
        file.write_text(self.GOOD.replace("Roe^Jane", "^^^Jr"))
        found, err = self.resources(file, "--profile", "us-core")
        self.assertNotIn("meta", found["Patient"])
        self.assertIn(f"{file}: message 1: Patient.name[0]: must fulfil us-core-6", err)
        self.assertIn("; us-core-patient is not claimed\n", err)
        self.assertIn("us-cor", self.cli("map", file, "--profile", "us-cor", code=2)[1])

    def test_a_channel_may_ask_for_them(self):
        file = self.write("m.hl7", self.GOOD)
        channel = self.write("channels/n.yaml", CHANNEL.format(name="n", tenant="main").replace(
            "mapping: {", "mapping: {overlays: [us-core], profiles: [us-core], "))
        self.assertIn("profiles", channel.read_text())
        for option in ((), ("--profile", "us-core")):
            patient = self.resources(file, "--channel", "n", "--channels", "channels", *option)[0]["Patient"]
            self.assertEqual(patient["meta"]["profile"], [self.PATIENT])
            self.assertEqual(patient["extension"][0]["extension"][1]["valueString"], "White")
        channel.write_text(channel.read_text().replace("[us-core], messages", "[uscore], messages"))
        out, _ = self.cli("lint", self.folder, code=1)
        self.assertIn("'uscore' is none of us-core, did you mean 'us-core'?", out)


class OverlayTests(Offline):
    def test_diff_shows_the_effective_map(self):
        self.write("mappings/segments/PID.Patient.yaml",
                   "map: PID -> Patient\nrules:\n  - {at: PID-7, to: birthDate}\n  - {at: PID-8, to: gender}\n")
        self.write("mappings/tables/Sex.yaml", "table: Sex\ncodes: {F: female, M: male}\n")
        self.write("mappings/overlays/w/segments/PID.Patient.yaml",
                   "extends: PID -> Patient\nremove: [birthDate]\nrules:\n"
                   "  - {replace: gender, at: PID-8, to: gender, code: Sex}\n  - {at: ZPI-2, to: language}\n")
        self.write("mappings/overlays/w/tables/Sex.yaml", "extends: Sex\ncodes: {W: female, M: other}\n")
        self.write("mappings/overlays/w/tables/Own.yaml", "table: Own\ncodes: {A: b}\n")
        out, _ = self.cli("diff", "--overlay", "w", "--mappings", "mappings")
        self.assertEqual(out.splitlines(), [
            "segments: PID -> Patient",
            "- {at: PID-7, to: birthDate}  segments/PID.Patient.yaml:3",
            "- {at: PID-8, to: gender}  segments/PID.Patient.yaml:4",
            "+ {at: PID-8, to: gender, code: Sex}  overlays/w/segments/PID.Patient.yaml:4",
            "+ {at: ZPI-2, to: language}  overlays/w/segments/PID.Patient.yaml:5",
            "",
            "tables: Own",
            "+ (new)  overlays/w/tables/Own.yaml:1",
            "",
            "tables: Sex",
            "- M: male  tables/Sex.yaml:2",
            "+ M: other  overlays/w/tables/Sex.yaml:2",
            "+ W: female  overlays/w/tables/Sex.yaml:2",
            "  1 other code as in the base",
            ""])
        self.assertNotIn("PID", self.cli("diff", "Sex", "--overlay", "w", "--mappings", "mappings")[0])
        _, err = self.cli("diff", "--overlay", "v", "--mappings", "mappings", code=2)
        self.assertIn("no such overlay", err)
        out, _ = self.cli("diff", "--overlay", "epic-style", "PID", "--changes-only")
        self.assertIn("ZPD-2", out)
        self.assertNotIn("\n  {", out)

    def test_diff_shows_what_becomes_of_trees_and_of_the_way_back(self):
        self.write("mappings/segments/PID.Patient.yaml",
                   "map: PID -> Patient\nrules:\n  - {at: PID-7, to: birthDate}\n")
        self.write("mappings/segments/ZPI.Patient.yaml",
                   "map: ZPI -> Patient\nrules:\n  - {at: ZPI-2, to: language}\n")
        self.write("mappings/messages/ADT_A01.yaml",
                   "message: ADT_A01\nevents: [ADT^A01]\ntree:\n  - PID: {make: Patient, as: pat}\n  - ROL: {}\n")
        self.write("mappings/outbound/segments/Patient.PID.yaml",
                   "map: Patient -> PID\nrules:\n  - {at: birthDate, to: PID-7}\n")
        self.write("mappings/overlays/w/messages/ADT_A01.yaml",
                   "extends: ADT_A01\nevents: [ADT^Z01]\nremove: [ROL]\ntree:\n"
                   "  - {after: PID, ZPI: {into: pat, with: ZPI.Patient}}\n")
        self.write("mappings/overlays/w/outbound/segments/Patient.PID.yaml",
                   "extends: Patient -> PID\nrules:\n  - {at: gender, to: PID-8}\n")
        out, _ = self.cli("diff", "--overlay", "w", "--mappings", "mappings")
        self.assertEqual(out.splitlines(), [
            "messages: ADT_A01",
            "+ events: [ADT^Z01]  overlays/w/messages/ADT_A01.yaml:2",
            "- ROL  overlays/w/messages/ADT_A01.yaml:3",
            "+ after PID: {ZPI: {into: pat, with: ZPI.Patient}}  overlays/w/messages/ADT_A01.yaml:5",
            "",
            "outbound/segments: Patient -> PID",
            "  {at: birthDate, to: PID-7}  outbound/segments/Patient.PID.yaml:3",
            "+ {at: gender, to: PID-8}  overlays/w/outbound/segments/Patient.PID.yaml:3",
            ""])

    def test_tests_of_an_overlay_run_with_it(self):
        shutil.copytree(HOME / "mappings", self.folder / "mappings")
        out, _ = self.cli("test", self.folder)
        passed = int(out.split()[0])
        self.write("mappings/overlays/w/tables/AdministrativeSex.yaml", "extends: AdministrativeSex\ncodes: {W: female}\n")
        self.write("mappings/overlays/w/tests/t.yaml",
                   "message: |\n  MSH|^~\\&|E|M|||2026||ADT^A01|1|P|2.5\n  PID|1||7^^^M^MR||||1980|W\n"
                   "channel: {authority_for: [Patient]}\nexpect: {Patient.gender: female}\n")
        self.assertIn(f"{passed + 1} passed, 0 failed", self.cli("test", self.folder)[0])
        table = self.folder / "mappings/overlays/w/tables/AdministrativeSex.yaml"
        table.write_text(table.read_text().replace("female", "male"))
        self.assertIn("expected 'female', got 'male'", self.cli("test", self.folder, code=1)[0])


class Trace(Offline):
    def test_a_value_is_followed_through_the_rules(self):
        file = self.write("m.hl7", BAD)
        out, _ = self.cli("trace", file, "--path", "PID-3")
        lines = out.splitlines()
        self.assertIn("message 1  ADT_A01", lines[0])
        self.assertRegex(lines[1], r"^PID-3\.1 +Patient\.identifier\.value  "
                                   r"PID\.Patient\.yaml:\d+ > CX\.Identifier\.yaml:\d+$")
        self.assertTrue(all(line.startswith(("PID-3.", " ")) for line in lines[1:]), out)
        self.assertNotIn("100", out, "no values")
        out, _ = self.cli("trace", file)
        self.assertRegex(out, r"PID-7\.1 +not a date \(month out of range\)")
        self.assertRegex(out, r"PID-1\.1 +no rule")

    def test_scripts_get_json(self):
        file = self.write("m.hl7", BAD)
        traced = json.loads(self.cli("trace", file, "--json")[0])
        self.assertEqual((traced["message"], traced["map"]), (1, "ADT_A01"))
        report = json.loads(self.cli("map", file, "--report", "json")[1].splitlines()[0])
        self.assertEqual(sorted(value["path"] for value in traced["values"] if "reason" not in value),
                         sorted(report["mapped"]))
        for value in traced["values"]:
            self.assertNotEqual("reason" in value, "uses" in value, value)
        family = next(value for value in traced["values"] if value["path"] == "PID-5.1")
        use = next(use for use in family["uses"] if use.get("element") == "name.family")
        self.assertTrue(use["resource"].startswith("Patient/"))
        for place in use["rules"]:
            name, line, column = place.rsplit(":", 2)
            self.assertTrue(Path(name).is_file(), place)
            self.assertGreater(int(line) * int(column), 0)

    def test_what_is_not_mapped_says_why(self):
        file = self.write("m.hl7", BAD.replace("ADT^A01^ADT_A01", "ADT^A99"))
        out, err = self.cli("trace", file, code=1)
        self.assertRegex(out, r"PID-3\.1 +no message map covers this event")
        self.assertIn("MSH-9: no message map covers this event", err)


class Lint(Offline):
    def test_files_that_nobody_reads_are_mistakes(self):
        self.write("channels/n.yaml", CHANNEL.format(name="n", tenant="main"))
        self.write("channels/ward.yml", "")
        self.write("mappings/segments/Zxx.YML", "")
        self.write("channels/notes.txt", "")
        out, _ = self.cli("lint", self.folder, code=1)
        self.assertIn(f"{self.folder}/channels/ward.yml: is not read: rename it to ward.yaml", out)
        self.assertIn(f"{self.folder}/mappings/segments/Zxx.YML: is not read: rename it to Zxx.yaml", out)
        self.assertNotIn("notes.txt", out)

    def test_overlays_that_no_channel_uses_are_judged(self):
        self.write("channels/n.yaml", CHANNEL.format(name="n", tenant="main"))
        shutil.copytree(HOME / "mappings", self.folder / "mappings")
        file = self.write("mappings/overlays/later/segments/PID.Patient.yaml",
                          "extends: PID -> Patient\nrules:\n  - {at: PID-7, to: birthDat, id: x}\n")
        out, _ = self.cli("lint", self.folder, code=1)
        self.assertIn(f"{file}:3:21: ", out)
        self.assertIn("did you mean 'birthDate'?", out)

    def test_an_event_that_nobody_knows_is_a_mistake(self):
        text = CHANNEL.format(name="n", tenant="main").replace("[ADT]", "[ADT^A01, ADT^A0X]")
        channel = self.write("channels/n.yaml", text)
        out, _ = self.cli("lint", self.folder, code=1)
        self.assertIn(f"{channel}:7:31: no map covers 'ADT^A0X', did you mean 'ADT^A0", out)

    def test_no_channel_is_said(self):
        out, _ = self.cli("lint", self.folder)
        self.assertIn(f"no channel in {self.folder}/channels", out)
        self.assertIn("carestream new channel", out)


class NewChannel(Offline):
    def listen(self, name, folder="channels"):
        text = (self.folder / folder / f"{name}.yaml").read_text()
        return text.split("listen: ")[1].split()[0]

    def new(self, name):
        self.cli("new", "channel", name, "--channels", self.folder / "channels")
        return int(self.listen(name).rpartition(":")[2])

    @staticmethod
    def free_ports():
        """Ports from 2576 on that nobody listens on, as any program would find out."""
        for port in range(2576, 65536):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("0.0.0.0", port))
                except OSError:
                    continue
            yield port

    def test_it_takes_a_port_that_no_channel_has(self):
        ports = self.free_ports()
        named = [next(ports) for _ in range(6)]
        free = [next(ports) for _ in range(2)]
        self.write("channels/a.yaml", f"source: {{mllp: {{listen: 127.0.0.1:{named[0]}, connections_max: 7}}}}\n")
        self.write("channels/b.yaml", f'source:\n  mllp:\n    listen: "${{env:B:-127.0.0.1:{named[1]}}}"'
                                      f"  # not {free[0]}\n")
        self.write("channels/c.yaml", 'source: {mllp: {"listen": "${env:CARESTREAM_MLLP:-127.0.0.1:1}"}}\n')
        self.write("channels/d.yml", f"listen: 127.0.0.1:{named[3]}\n")
        self.write("channels/e.yaml.off", f"listen: '127.0.0.1:${{env:E:-{named[4]}}}'\n")
        self.write("channels/b.test.yaml", f"# listen: 127.0.0.1:{free[0]}\n")
        self.write("channels/broken.yaml", f"{{ listen: '[::1]:{named[5]}' \n")
        os.environ["CARESTREAM_MLLP"] = f"127.0.0.1:{named[2]}"
        self.addCleanup(os.environ.pop, "CARESTREAM_MLLP")
        self.assertEqual([self.new("ward-7"), self.new("ward-8")], free)

    def test_it_takes_a_port_that_nobody_listens_on(self):
        ports = self.free_ports()
        first, second, third = next(ports), next(ports), next(ports)
        with socket.create_server(("127.0.0.1", first)), \
                socket.create_server(("::1", second), family=socket.AF_INET6):
            self.assertEqual(self.new("ward-7"), third)

    def test_it_goes_where_the_configuration_says(self):
        (self.folder / "elsewhere").mkdir()
        conf = self.write("conf/carestream.yaml", "channels: ../elsewhere\n")
        self.cli("new", "channel", "ward-7", "--config", conf)
        self.assertTrue((self.folder / "elsewhere/ward-7.test.yaml").exists())
        _, err = self.cli("new", "channel", "ward-8", "--channels", "nowhere", code=2)
        self.assertIn("nowhere", err)


class Tests(Offline):
    def make_channel(self):
        out, _ = self.cli("new", "channel", "ward-7", "--channels", self.folder / "channels")
        self.assertIn("ward-7.test.yaml", out)

    def test_the_house_passes(self):
        out, _ = self.cli("test")
        self.assertRegex(out, r"^\d+ passed, 0 failed\n$")
        lines = [json.loads(line) for line in self.cli("test", "--json")[0].splitlines()]
        self.assertTrue(all(line["passed"] for line in lines))
        files = {Path(line["file"]).name for line in lines}
        self.assertLessEqual({"a01_admit.yaml", "demo.test.yaml"}, files)

    def test_a_new_channel_brings_its_test(self):
        self.make_channel()
        self.assertIn("1 channel ", self.cli("lint", self.folder)[0])
        self.assertEqual(self.cli("test", self.folder)[0], "2 passed, 0 failed\n")
        _, err = self.cli("new", "channel", "ward-7", "--channels", self.folder / "channels", code=2)
        self.assertIn("ward-7.yaml: exists already", err)
        (self.folder / "channels/ward-7.yaml").unlink()
        _, err = self.cli("new", "channel", "ward-7", "--channels", self.folder / "channels", code=2)
        self.assertIn("ward-7.test.yaml: exists already", err)

    def test_the_channels_settings_are_tested(self):
        self.make_channel()
        channel = self.folder / "channels/ward-7.yaml"
        channel.write_text(channel.read_text().replace("America/New_York", "Asia/Tokyo"))
        test = channel.with_suffix(".test.yaml")
        line = next(n for n, text in enumerate(test.read_text().splitlines(), 1) if "period.start" in text)
        out, _ = self.cli("test", self.folder, code=1)
        self.assertEqual(out, f"{test}:{line}:5: Encounter.period.start: expected "
                              "'2026-01-02T03:00:00-05:00', got '2026-01-02T03:00:00+09:00'\n"
                              "1 passed, 1 failed\n")
        failed, passed = map(json.loads, self.cli("test", self.folder, "--json", code=1)[0].splitlines())
        self.assertEqual((failed["passed"], passed["passed"]), (False, True))
        self.assertEqual(failed["failures"][0], {
            "line": line, "path": "Encounter.period.start", "expected": "2026-01-02T03:00:00-05:00",
            "got": "2026-01-02T03:00:00+09:00",
            "message": "expected '2026-01-02T03:00:00-05:00', got '2026-01-02T03:00:00+09:00'"})

    def test_overlays_of_the_channel_count(self):
        self.make_channel()
        self.write("mappings/README", "")
        subprocess.run(["cp", "-r", *(HOME / "mappings").iterdir(), self.folder / "mappings"], check=True)
        self.write("mappings/overlays/w/segments/PID.Patient.yaml",
                   "extends: PID -> Patient\nremove: [birthDate]\n")
        channel = self.folder / "channels/ward-7.yaml"
        channel.write_text(channel.read_text() + "  overlays: [w]\n")
        out, _ = self.cli("test", self.folder, code=1)
        self.assertIn("Patient.birthDate: expected '1980-01-02', got 'absent'", out)
        self.assertRegex(out, r"\d+ passed, 1 failed\n$")

    def test_filter_and_what_cannot_run(self):
        self.make_channel()
        self.assertEqual(self.cli("test", self.folder, "--filter", "admission")[0], "1 passed, 0 failed\n")
        _, err = self.cli("test", self.folder, "--filter", "nothing like it", code=2)
        self.assertIn("no test has 'nothing like it'", err)
        (self.folder / "channels/ward-7.test.yaml").unlink()
        self.assertIn("no test found", self.cli("test", self.folder, code=2)[1])
        channel = self.folder / "channels/ward-7.yaml"
        channel.write_text(channel.read_text().replace("tenant: main", "tenant: man"))
        _, err = self.cli("test", self.folder, code=2)
        self.assertIn("ward-7.yaml:4:9: unknown tenant 'man', did you mean 'main'?", err)
        self.assertIn("holds neither", self.cli("test", self.folder / "channels", code=2)[1])

    def test_help_teaches(self):
        out, _ = self.cli("test", "--help")
        for part in ("expect:", "channels/ward-7.test.yaml", "--filter", "mappings/README.md"):
            self.assertIn(part, out)


if __name__ == "__main__":
    unittest.main(verbosity=2)
