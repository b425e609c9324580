"""HL7's v2-to-FHIR tables of messages against our trees, a row at a time: a message with the row's segment (and what its
condition asks for) must make the row's resource, which the same message without the segment does not, or makes otherwise; and
the references and constants of the row must be set.

  python3 tests/conformance/v2_to_fhir_messages.py             # fails if mappings/coverage_messages.tsv says otherwise
  python3 tests/conformance/v2_to_fhir_messages.py --write     # brings it up to date; `ours` and reasons in it are kept
  python3 tests/conformance/v2_to_fhir_messages.py --list ADT  # the rows that do not hold, and sums

States and columns: v2_to_fhir_rows.py. Its paths in `ours` begin with the resource: Patient:contact.
"""
import collections
import json
import re
import sys

import v2_to_fhir as common
from v2_to_fhir import Condition, Message, csv_rows, find, one_line, steps_of
from v2_to_fhir_rows import MINIMUM

# The trigger event, and the segments in their order: GROUP.SEG is a segment of that group, SEG#2 a second one of its kind.
ADT = ["SFT", "EVN", "PID", "PD1", "PID.ROL", "PID.PRT", "MRG", "NK1", "PV1", "PV2", "PV1.ROL", "OBX", "AL1", "DG1", "PR1", "IN1", "IN3"]
STRUCTURES = {
    "ADT_A01": ("ADT^A01^ADT_A01", ADT), "ADT_A02": ("ADT^A02^ADT_A02", ADT), "ADT_A05": ("ADT^A05^ADT_A05", ADT),
    "ADT_A06": ("ADT^A06^ADT_A06", ADT), "ADT_A09": ("ADT^A09^ADT_A09", ADT), "ADT_A11": ("ADT^A11^ADT_A09", ADT),
    "ADT_A17": ("ADT^A17^ADT_A17", ["SFT", "EVN", "PID", "PD1", "PV1", "PV2", "OBX", "2.PID", "2.PD1", "2.PV1", "2.PV2", "2.OBX"]),
    "MDM_T02": ("MDM^T02^MDM_T02", ["SFT", "EVN", "PID", "PV1", "ORC", "TQ1", "OBR", "COMMON_ORDER.NTE", "TXA", "OBX", "OBSERVATION.NTE"]),
    "OML_O21": ("OML^O21^OML_O21", [
        "SFT", "PID", "PD1", "PATIENT.PRT", "NK1", "PV1", "PV2", "PATIENT_VISIT.PRT", "IN1", "IN3", "AL1", "ORC", "ORDER.PRT", "TQ1", "OBR",
        "OBSERVATION_REQUEST.PRT", "OBSERVATION_REQUEST.NTE", "DG1", "OBX", "OBSERVATION.PRT", "OBSERVATION.NTE", "SPM"]),
    "ORM_O01": ("ORM^O01^ORM_O01", ["PID", "PD1", "PV1", "PV2", "IN1", "IN2", "IN3", "AL1", "ORC", "OBR", "RXO", "ODS", "NTE", "DG1", "OBX"]),
    "ORU_R01": ("ORU^R01^ORU_R01", [
        "SFT", "PID", "PD1", "PATIENT.PRT", "NK1", "PATIENT_OBSERVATION.OBX", "PATIENT_OBSERVATION.PRT", "PV1", "PV2", "VISIT.PRT", "ORC",
        "COMMON_ORDER.PRT", "OBR", "ORDER_OBSERVATION.PRT", "OBSERVATION.OBX", "OBSERVATION.PRT", "OBSERVATION.NTE", "SPM",
        "SPECIMEN_OBSERVATION.OBX"]),
    "SIU_S12": ("SIU^S12^SIU_S12", ["SCH", "NTE", "PID", "PV1", "PV2", "OBX", "DG1", "RGS", "AIS", "SERVICE.NTE", "AIG", "AIL", "AIP"]),
    "VXU_V04": ("VXU^V04^VXU_V04", [
        "SFT", "PID", "PD1", "NK1", "PV1", "PV2", "PERSON_OBSERVATION.OBX", "PERSON_OBSERVATION.PRT", "PERSON_OBSERVATION.NTE", "ORC", "RXA",
        "ORDER.PRT", "RXR", "OBSERVATION.OBX", "OBSERVATION.PRT", "OBSERVATION.NTE"]),
}
# What is always there, and what a segment needs beside it.
ALWAYS = {"MDM_T02": ["PID", "PV1", "TXA"], "OML_O21": ["PID", "PV1", "ORC", "OBR"], "ORM_O01": ["PID", "PV1", "ORC", "OBR"],
          "ORU_R01": ["PID", "PV1", "OBR"], "SIU_S12": ["SCH", "PID"], "VXU_V04": ["PID", "PV1", "ORC", "RXA"],
          "ADT_A17": ["PID", "PV1", "2.PID", "2.PV1"]}
BESIDE = {"IN3": ["IN1"], "TQ1": ["ORC", "OBR"], "COMMON_ORDER.NTE": ["ORC", "OBR"], "OBSERVATION.PRT": ["OBX", "OBSERVATION.OBX"],
          "PATIENT_OBSERVATION.PRT": ["PATIENT_OBSERVATION.OBX"], "PERSON_OBSERVATION.PRT": ["PERSON_OBSERVATION.OBX"],
          "OBSERVATION.NTE": ["OBX", "OBSERVATION.OBX"], "PERSON_OBSERVATION.NTE": ["PERSON_OBSERVATION.OBX"], "AIS": ["RGS"],
          "AIG": ["RGS"], "AIL": ["RGS"], "AIP": ["RGS"], "SERVICE.NTE": ["RGS", "AIS"], "SPECIMEN_OBSERVATION.OBX": ["SPM"], "RXR": ["RXA"],
          "ORC": ["OBR"], "OBX": [], "OBR": ["ORC"]}
# Fields that say something in a segment, where its minimum does not.
FULL = {
    "PD1": {3: "Org^^O1"}, "PV2": {3: "C1^Reason^L"}, "ROL": {4: "D1^Smith"}, "PRT": {5: "D1^Smith"}, "TQ1": {3: "BID", 9: "S"},
    "EVN": {5: "D2^Clerk", 6: "20260102"}, "IN3": {21: "Case Mary"}, "RXR": {1: "IM^Intramuscular^HL70162"}, "MRG": {3: "A1^^^MAIN"},
    "SFT": {1: "Acme", 2: "1.0", 3: "EHR"}, "AIS": {3: "S1^Visit^L"}, "TXA": {2: "CN", 12: "D1^DOC"}, "OBR": {15: "BLD"},
}
# What a segment map needs for the case that it is for.
MAP_NEEDS = {
    "PID[Account]": {"PID-18": "A1^^^MAIN"}, "PV1[Coverage]": {"PV1-20": "F1"}, "NK1[RelatedPerson]": {"NK1-16": "19600101"},
    "PRT[Device]": {"PRT-5": ""}, "PRT[Observation-Location]": {"PRT-5": ""}, "TXA[Provenance]": {"TXA-9": "D1^Smith"},
    "ORC[DiagnosticReport]": {"ORC-2": "P1^PL", "OBR-2": "", "OBR-3": ""}, "ORC[Immunization]": {"ORC-2": "P1^PL"},
    "MSH[Provenance-Operator]": {"EVN-5": ""}, "SCH[ServiceRequest]": {"SCH-26": "P1^PL"}, "SCH[Provenance]": {"SCH-20": "D1^Clerk"},
    "PID[Provenance-Patient]": {"PID-33": "20260101", "PID-34": "GEN^1.2.3^ISO"}, "ROL[CareTeam]": {"ROL-3": "AT^^HL70443"},
    "ROL[Encounter-PractitionerRole]": {"ROL-3": "AT^^HL70443"}, "RXO[MedicationRequest]": {"RXO-1": "M1^Drug^L"}, "PRT[CareTeam]": {"PRT-4": "AT"},
}
MINIMA = {name: {**MINIMUM.get(name, {}), **FULL.get(name, {})} for name in {*MINIMUM, *FULL}}


class SlotMessage(Message):
    """A message whose segments have places: PRT of a patient and PRT of an observation."""

    def __init__(self, kind, order):
        super().__init__(kind, order, {}, [])
        self.here = None

    def slot(self, segment):
        """The place that a segment name means: the row's own, else the first that is there, else the first."""
        if self.here and self.here.split(".")[-1] == segment:
            return self.here
        places = [name for name in self.order if name.split(".")[-1] == segment]
        return next((name for name in places if name in self.segments), places[0] if places else segment)

    def add(self, segment):
        place = self.slot(segment) if "." not in segment else segment
        if segment != "MSH":
            self.segments.setdefault(place, dict(MINIMA.get(segment.split(".")[-1], {})))
        return place

    def put(self, path, value):
        segment = path[:3]
        place = self.slot(segment)
        if segment == "MSH" or place == segment:
            return super().put(path, value)
        self.segments[segment] = self.segments.pop(place, dict(MINIMA.get(segment, {})))
        done = super().put(path, value)
        if segment in self.segments:
            self.segments[place] = self.segments.pop(segment)
        return done

    def get(self, path):
        place = self.slot(path[:3])
        if path[:3] == "MSH" or place == path[:3]:
            return super().get(path)
        hidden = self.segments.get(path[:3])
        self.segments[path[:3]] = self.segments.get(place, {})
        value = super().get(path)
        self.segments.pop(path[:3])
        if hidden is not None:
            self.segments[path[:3]] = hidden
        return value

    def without(self, place):
        other = SlotMessage(self.type, self.order)
        other.segments = {name: fields for name, fields in self.segments.items() if name != place}
        other.header = dict(self.header)
        return other

    def text(self, number):
        lines = super().text(number).split("\r")[0]
        result = [lines]
        for place in self.order:
            if place in self.segments:
                fields = self.segments[place]
                result.append(place.split(".")[-1] + "|" + "|".join(fields.get(i, "") for i in range(1, max(fields, default=1) + 1)))
        return "\r".join(result) + "\r"


class Row:
    def __init__(self, structure, cells, second, repairs):
        self.structure, self.path = structure, cells[1]
        self.key_target, self.map = one_line(cells[9]), cells[10]
        self.says = cells[6]
        self.condition = repairs(structure, self.path, "condition", cells[6])
        self.target = repairs(structure, self.path, "target", self.key_target)
        self.needs = repairs(structure, self.map or self.path, "needs", self.key_target)
        self.statements = [repairs("*", "*", "statement", part) for part in
                           (one_line(text) for text in re.split(r"[;\n]", cells[11])) if part]
        self.second, self.state, self.why, self.message = second, "", "", None

    def place(self, order):
        parts = re.split(r"[.:]", self.path)
        segment = parts[-1]
        for candidate in ("2." + segment if self.second else "", ".".join(parts[-2:]), segment):
            if candidate in order:
                return candidate
        return None

    def build(self, types):
        kind, order = STRUCTURES[self.structure]
        message = SlotMessage(kind, order)
        here = self.place(order)
        segment = self.path.split(".")[-1]
        if here is None and segment != "MSH":
            self.why = "no place for the segment"
            return
        for place in [*ALWAYS.get(self.structure, ["PID", "PV1"]), *(p for p in BESIDE.get(here, []) if p in order)]:
            message.segments.setdefault(place, dict(MINIMA.get(place.split(".")[-1], {})))
        if "RXO" == here or "ODS" == here:
            message.segments.pop("OBR", None)
        if here:
            message.segments.setdefault(here, dict(MINIMA.get(segment, {})))
        if self.structure == "ADT_A17":
            message.segments["2.PID"] = {3: "200^^^MAIN^MR"}
            message.segments["2.PV1"] = {**MINIMA["PV1"], 19: "V8^^^MAIN^VN"}
        message.here = here
        if here != "OBR" and "OBR" in message.segments:
            message.segments["OBR"].pop(15, None)
        if here != "SPM" and "OBR[Specimen]" != self.map and "OBR" in message.segments:
            message.segments["OBR"].pop(15, None)
        for path, value in MAP_NEEDS.get(self.map, {}).items():
            message.put(path, value)
        for part in self.needs.split(";") if self.needs else []:
            message.put(*part.strip().split("=", 1))
        if self.condition:
            condition = Condition(self.condition, segment + "-1")
            if not condition.good:
                self.why = f"condition not understood: {self.condition}: {condition.why}"
                return
            alternative = [want for want in condition.alternatives[0] if "-" in want[0] or want[0] != segment]
            message.fulfil(alternative, segment + "-1", lambda path: path, types)
        self.message, self.here = message, here

    def resources(self, bundle, name):
        return [r for r in bundle.values() if r["resourceType"] == name]

    def made(self, bundle, other):
        """The row's resource is there, and is not the same without the segment."""
        name = re.match(r"[A-Za-z]+", self.target)[0]
        inner = re.search(r"\((\w+)\)", self.target)
        for one in [name, inner[1]] if inner else [name]:
            mine = self.resources(bundle, one)
            if not mine:
                return f"no {one}"
            if self.here and other is not None and [stable(r) for r in mine] == [stable(r) for r in self.resources(other, one)]:
                return f"{one} is the same without {self.here}"
        rest = re.sub(r"^[A-Za-z]+(\[[^\]]*\])?\.?", "", self.target.split("=")[0])
        if rest and not any(find(r, steps_of(rest) or [("?", None)], bundle) for r in self.resources(bundle, name)):
            return f"nothing at {rest}"
        return None

    def stated(self, bundle, text):
        """Observation[2].subject.reference=Patient[1].id: such an Observation refers to such a Patient."""
        left, _, right = text.partition("=")
        found = re.match(r"([A-Za-z]+)(?:\[[^\]]*\])?\.(.*)", left.strip())
        if not found:
            return f"not understood: {text}"
        path = re.sub(r"\.(reference|id)$", "", found[2])
        right = right.strip()
        if right.startswith('"'):
            steps, wanted = steps_of(path), right.strip('"')
            nodes = self.resources(bundle, found[1])
            if "(" in self.target:  # of the same entry of the list: Provenance.entity.what(Device), entity.role
                inner = steps_of(self.target.split(".", 1)[1])
                nodes = [n for r in nodes for n in find(r, inner[:1], bundle) if find(n, inner[1:], bundle)]
                steps = steps[1:]
            values = [v for node in nodes for v in find(node, steps, bundle)]
            return None if wanted in values else f"{left} is {json.dumps(values)[:60]}"
        kind = re.match(r"[A-Za-z]+", right)[0]
        inner = re.match(r"(.*)\((\w+)\.(.*?)(?:\.reference)?\)$", path)
        path = f"{inner[1]}({inner[2]}).{inner[3]}" if inner else path
        values = [v for r in self.resources(bundle, found[1]) for v in find(r, steps_of(f"{path}({kind})"), bundle)]
        return None if values else f"{found[1]}.{path} refers to no {kind}"

    def check(self, bundle, other, known):
        problems = [self.made(bundle, other)] + [self.stated(bundle, text) for text in self.statements]
        problems = [problem for problem in problems if problem]
        elsewhere = bool(known[1]) and self.elsewhere(bundle, known[1])
        common.decide(self, not problems, elsewhere, "; ".join(problems), known)

    def elsewhere(self, bundle, path):
        name, _, rest = path.partition(":")
        return any(find(r, steps_of(rest) or [("?", None)], bundle) for r in self.resources(bundle, name))


def stable(resource):
    """The resource without its identity, which may be that of the message."""
    return json.dumps({k: v for k, v in resource.items() if k not in ("id", "target", "meta")}, sort_keys=True)


def load(folder, repairs):
    rows, seen = [], collections.Counter()
    for path in sorted((folder / "messages").glob("*.csv")):
        second = False
        for cells in csv_rows(path):
            second = second or path.stem == "ADT_A17" and cells[9] == "Patient[2]"
            if cells[9]:
                row = Row(path.stem, cells, second, repairs)
                key = (row.structure, row.path, row.key_target, row.map)
                seen[key] += 1
                row.key = (*key, str(seen[key]))
                rows.append(row)
    return rows


def verify(rows, folder, table, repairs):
    """Maps a message with and one without the segment for each row and decides its state."""
    types = common.field_types(folder)
    for row in rows:
        row.build(types)
    asked = [row for row in rows if row.message]
    messages = [m for row in asked for m in (row.message, row.message.without(row.here))]
    answers = common.map_all(messages)
    for row in rows:
        known = table.known(row.key)
        if row.message is None:
            common.decide(row, False, False, row.why, ("", "", known[2]))
    for i, row in enumerate(asked):
        known = table.known(row.key)
        if 2 * i in answers:
            row.check(answers[2 * i], answers.get(2 * i + 1, {}), known)
        else:
            common.decide(row, False, False, "no bundle", ("", "", known[2]))


def list_rows(rows):
    counts = collections.defaultdict(collections.Counter)
    for row in rows:
        counts[row.structure][row.state] += 1
        if row.state != "holds":
            print("\t".join([row.state, *row.key, row.says, row.why]))
    for name, states in counts.items():
        print(f"{name}: {states['holds']} of {sum(states.values())} hold  {dict(states)}")


def unused(rows, folder, repairs):
    for row in repairs.unused(True):
        print("repair of nothing:", *row)


if __name__ == "__main__":
    sys.exit(common.main(__doc__, load, verify, common.Table(common.ROOT / "mappings/coverage_messages.tsv",
                                                             ["message", "segment", "target", "map", "number"]), list_rows, unused))
