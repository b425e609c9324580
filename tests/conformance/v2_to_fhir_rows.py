"""HL7's v2-to-FHIR tables against our maps, a row at a time: a message with just that field (and what the row's
condition asks for), an assertion on just that path.

  python3 tests/conformance/v2_to_fhir_rows.py             # fails if mappings/coverage.tsv says otherwise
  python3 tests/conformance/v2_to_fhir_rows.py --write     # brings it up to date; reasons in it are kept
  python3 tests/conformance/v2_to_fhir_rows.py --list PV1  # the rows that do not hold, and sums

States: holds; missing (no such resource or element); differs (another constant); refused (no Bundle); open (the row
itself is not understood). A row that does not hold for a reason has the reason in the last column of the table.

$CARESTREAM_SHARED names the folder that holds v2-to-fhir/ (default ../shared); without it nothing is checked.
"""
import argparse
import collections
import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = 77  # for ctest

# A segment -> the structure that carries it here.
CARRIERS = {
    "AIG": "SIU", "AIL": "SIU", "AIP": "SIU", "AIS": "SIU", "SCH": "SIU",
    "OBR": "ORU", "OBX": "ORU", "SPM": "ORU", "ORC": "ORU",
    "AL1": "ADT", "DG1": "ADT", "MSH": "ADT", "NK1": "ADT", "PD1": "ADT", "PID": "ADT", "PV1": "ADT", "PV2": "ADT",
    "EVN": "ADT", "PR1": "ADT", "IN1": "ADT", "ROL": "ADT", "TQ1": "OML", "NTE": "OML", "TXA": "MDM", "RXA": "VXU",
    "RXR": "VXU", "IAM": "A60", "IN3": "ADT", "MRG": "A40", "SFT": "ADT", "PRT": "OML", "RXO": "OMP", "RXE": "RDE",
}
# Where the map, not the segment, says it.
MAP_CARRIERS = {
    "OBR-ServiceRequest": "OML", "ORC-ServiceRequest": "OML", "ORC-Provenance": "OML", "ORC-Immunization": "VXU",
    "OBX-DocumentReference": "MDM", "NTE-DocumentReference": "MDM", "NTE-Observation": "ORU", "NTE-Appointment-Comment": "SIU",
    "PID-Account": "BAR", "RXR-MedicationRequest": "OMP", "TQ1-MedicationRequest": "OMP", "ORC-MedicationAdministration": "RAS",
}
STRUCTURES = {
    "ADT": ("ADT^A01^ADT_A01", ["EVN", "PID", "PD1", "ROL", "NK1", "PV1", "PV2", "OBX", "AL1", "DG1", "PR1", "IN1"]),
    "ORU": ("ORU^R01^ORU_R01", ["PID", "PD1", "NK1", "PV1", "PV2", "ORC", "OBR", "OBX", "NTE", "SPM"]),
    "OML": ("OML^O21^OML_O21", ["PID", "PD1", "PV1", "IN1", "ORC", "PRT", "TQ1", "OBR", "NTE", "DG1", "OBX", "SPM"]),
    "MDM": ("MDM^T02^MDM_T02", ["EVN", "PID", "PV1", "TXA", "OBX", "NTE"]),
    "VXU": ("VXU^V04^VXU_V04", ["PID", "PD1", "NK1", "PV1", "ORC", "RXA", "RXR", "OBX"]),
    "OMP": ("OMP^O09^OMP_O09", ["PID", "PD1", "PV1", "ORC", "TQ1", "RXO", "NTE", "RXR"]),
    "RDE": ("RDE^O11^RDE_O11", ["PID", "PD1", "PV1", "ORC", "RXE", "NTE", "TQ1", "RXR"]),
    "RAS": ("RAS^O17^RAS_O17", ["PID", "PD1", "PV1", "ORC", "RXA", "RXR"]),
    "BAR": ("BAR^P01^BAR_P01", ["EVN", "PID", "PV1", "DG1"]),
    "A60": ("ADT^A60^ADT_A60", ["EVN", "PID", "IAM", "NTE"]),
    "A40": ("ADT^A40^ADT_A39", ["EVN", "PID", "MRG"]),
    "SIU": ("SIU^S12^SIU_S12", ["SCH", "NTE", "PID", "PV1", "PV2", "RGS", "AIS", "AIG", "AIL", "AIP"]),
}
# What a segment needs to make its resource at all.
MINIMUM = {
    "PID": {3: "100^^^MAIN^MR"},
    "PV1": {2: "I", 19: "V9^^^MAIN^VN"},
    "OBR": {3: "F1^LAB", 4: "C1^Panel^LN", 25: "F"},
    "OBX": {2: "ST", 3: "C2^Test^LN", 5: "text", 11: "F"},
    "AL1": {3: "A1^Nuts^L"},
    "DG1": {3: "D1^Flu^I10"},
    "SCH": {2: "AP1^SCHED", 25: "Booked"},
    "AIS": {3: "S1^Visit^L"},
    "AIG": {3: "R1^Room^L"},
    "AIL": {3: "W^R^B^FAC"},
    "AIP": {3: "D1^Smith^Anna^^^^^^AUTH"},
    "NK1": {2: "Doe^John"},
    "SPM": {2: "P1&LAB^F1&LAB", 4: "BLD^Blood^HL70487"},
    "RGS": {1: "1"},
    "PR1": {3: "P1^Cut^C4"},
    "ORC": {1: "NW", 10: "1^Clerk^Carl"},
    "IN1": {2: "GOLD^Gold plan", 4: "Good Health^^9"},
    "NTE": {3: "text"},
    "TXA": {12: "D1^DOC"},
    "RXA": {3: "20260102", 5: "08^Hep B^CVX"},
    "IAM": {3: "A1^Nuts^L"},
    "RXO": {1: "M1^Drug^L"},
    "RXE": {2: "M1^Drug^L"},
    "MRG": {1: "101^^^MAIN^MR"},
}
SAMPLES = {
    "ST": "text", "TX": "text", "FT": "text", "SI": "1", "NM": "5", "ID": "C1", "IS": "C1", "DTM": "20260102030405+0000",
    "TS": "20260102030405+0000", "DT": "20260102", "TM": "0304", "CX": "X1^^^AUTH", "EI": "E1^AUTH",
    "HD": "NS^1.2.3^ISO", "XPN": "Doe^Jane^Q^Jr^Dr", "XAD": "1 Main St^^Town^ST^12345^USA^H",
    "XTN": "^^PH^^^555^1234567", "XCN": "D1^Smith^Anna^^^^^^AUTH", "XON": "Org^^O1^^^AUTH", "PL": "W^R^B^FAC",
    "DR": "20260101^20260102", "DLD": "home^20260102", "DLN": "L1^ST^20300101", "PT": "P^T", "SN": "^5^:^8", "NR": "1^5",
    "CP": "10^UP", "MO": "10^USD", "CQ": "5^mg", "EIP": "P1&A^F1&B", "NDL": "N1&Smith&Anna^20260102", "JCC": "c^d",
    "CNN": "N1^Smith^Anna", "SPS": "BLD^^^ARM", "FN": "Doe", "MSG": "ADT^A01^ADT_A01", "VID": "2.5.1", "FC": "F^20260101",
    "CE": "C1^Text^L", "CWE": "C1^Text^L", "CNE": "C1^Text^L", "TQ": "1^Q1D^^20260102030405+0000", "PRL": "C1^1^text",
    "OG": "1", "ED": "S^TEXT^plain^A^abc", "RP": "P^S^TEXT^plain",
}

# What is always there beside PID, and what a segment needs before it.
ALWAYS = {
    "ADT": ["PV1"], "ORU": ["OBR"], "SIU": ["SCH"], "OML": ["ORC", "OBR"], "MDM": ["TXA"], "VXU": ["ORC", "RXA"],
    "OMP": ["ORC", "RXO"], "RDE": ["ORC", "RXE"], "RAS": ["ORC", "RXA"], "A60": ["IAM"], "A40": ["MRG"],
    "BAR": [],
}
BEFORE = {("ORU", "NTE"): "OBX", ("SIU", "AIS"): "RGS", ("SIU", "AIG"): "RGS", ("SIU", "AIL"): "RGS", ("SIU", "AIP"): "RGS"}

# A data type map -> a field that is read with it, what else the segment needs, and where its result lies.
DATA_CARRIERS = {
    "CX-Identifier": ("PID-3", {"PID-3": "100^^^MAIN^MR"}, "Patient", "identifier"),
    "XPN-HumanName": ("PID-5", {}, "Patient", "name"),
    "FN-HumanName": ("PID-5", {}, "Patient", "name"),
    "XAD-Address": ("PID-11", {}, "Patient", "address"),
    "SAD-Address": ("PID-11", {}, "Patient", "address"),
    "XTN-ContactPoint": ("PID-13", {}, "Patient", "telecom"),
    "XPN-string": ("PID-6", {}, "Patient", "extension.valueString"),
    "XCN-Practitioner": ("PV1-7", {"PV1-7": "D1^Smith"}, "Encounter", "participant.individual(Practitioner)"),
    "CNN-Practitioner": ("OBR-32", {"OBR-32": "N1&Smith"}, "DiagnosticReport", "resultsInterpreter(Practitioner)"),
    "NDL-PractitionerRole": ("OBR-32", {}, "DiagnosticReport", "resultsInterpreter(PractitionerRole)"),
    "XON-Organization": ("OBX-23", {"OBX-23": "Org^^O1"}, "Observation", "performer(Organization)"),
    "CWE-Organization": ("OBX-15", {"OBX-15": "O1^Org"}, "Observation", "performer(Organization)"),
    "HD-Organization": ("PID-3", {"PID-3": "100"}, "Patient", "identifier.assigner(Organization)"),
    "HD-uri": ("PID-3", {"PID-3": "100"}, "Patient", "identifier.system"),
    "PL-Location": ("PV1-3", {}, "Encounter", "location.location(Location)"),
    "DLD-Location-Discharge": ("PV1-37", {}, "Encounter", "hospitalization.destination(Location)"),
    "CWE-CodeableConcept": ("OBX-3", {"OBX-3": "C1^^^C2^^^^^^C3"}, "Observation", "code"),
    "CE-CodeableConcept": ("OBX-3", {}, "Observation", "code"),
    "CNE-CodeableConcept": ("OBX-3", {"OBX-3": "C1^^^C2^^^^^^C3"}, "Observation", "code"),
    "CF-CodeableConcept": ("OBX-5", {"OBX-2": "CF", "OBX-5": "C1^^^C2^^^^^^C3"}, "Observation", "valueCodeableConcept"),
    "CWE-Coding": ("PV2-38", {}, "Encounter", "extension.valueCoding"),
    "CWE-Quantity": ("OBX-6", {"OBX-2": "NM", "OBX-5": "5", "OBX-6": "mg^milligram^UCUM"}, "Observation", "valueQuantity"),
    "NM-Quantity": ("OBX-5", {"OBX-2": "NM"}, "Observation", "valueQuantity"),
    "CQ-Quantity": ("SPM-12", {}, "Specimen", "collection.quantity"),
    "DR-Period": ("SPM-17", {}, "Specimen", "collection.collectedPeriod"),
    "EI-Identifier-Extension": ("OBX-21", {"OBX-21": "E1^AUTH"}, "Observation", "identifier"),
    "EIP-Identifier-PlacerAssignedIdentifier": ("SPM-2", {}, "Specimen", "identifier"),
    "EIP-Identifier-FillerAssignedIdentifier": ("SPM-2", {}, "Specimen", "identifier"),
    "SN-Quantity": ("OBX-5", {"OBX-2": "SN", "OBX-5": "^5"}, "Observation", "valueQuantity"),
    "SN-Range": ("OBX-5", {"OBX-2": "SN", "OBX-5": "^5^-^8"}, "Observation", "valueRange"),
    "SN-Ratio": ("OBX-5", {"OBX-2": "SN", "OBX-5": "^5^:^8"}, "Observation", "valueRatio"),
    "NR-Range": ("OBX-5", {"OBX-2": "NR", "OBX-5": "1^5"}, "Observation", "valueRange"),
    "ED-Attachment": ("OBX-5", {"OBX-2": "ED", "OBX-5": "S^TEXT^plain^A^abc"}, "DiagnosticReport", "presentedForm"),
    "RP-Attachment": ("OBX-5", {"OBX-2": "RP", "OBX-5": "p.pdf^S^TEXT^plain"}, "Observation", "extension.valueAttachment"),
    "DTM-dateTime": ("OBX-14", {}, "Observation", "effectiveDateTime"),
    "TS-dateTime": ("OBX-14", {}, "Observation", "effectiveDateTime"),
    "ID-boolean": ("PID-30", {}, "Patient", "deceasedBoolean"),
    "TQ-Appointment": ("SCH-11", {}, "Appointment", "$this"),
    "CWE-Annotation": ("SPM-14", {}, "Specimen", "note"),
}
# A row that is about one value of its field and says so nowhere.
VALUES = {"DG1-21": "D"}
# note(Annotation.text): no resource behind it.
DATA_TYPES = {"Annotation", "Identifier", "CodeableConcept", "Coding", "Quantity", "ContactPoint", "Period"}


def csv_rows(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        for row in list(csv.reader(file))[2:]:
            row += [""] * (19 - len(row))
            yield [cell.strip() for cell in row]


class Vocabulary:
    def __init__(self, folder):
        self.folder = folder
        self.names = {re.sub(r"[^a-z]", "", p.stem.lower()): p for p in (folder / "codesystems").glob("*.csv")}

    def sample(self, name):
        """(v2 code, FHIR code) of the first row that translates."""
        for text in (name, name.split("[")[0]):
            path = self.names.get(re.sub(r"[^a-z]", "", text.lower()))
            if path is not None:
                break
        else:
            return None
        for row in csv_rows(path):
            if row[0] and row[6] and not row[3]:
                return row[0], row[6]
        return None


def split_outside(text, word):
    """At ` AND ` or ` OR ` that stand in no parentheses."""
    parts, depth, start = [], 0, 0
    for found in re.finditer(rf"[()]|\s{word}\s", text, flags=re.I):
        if found[0] in "()":
            depth += 1 if found[0] == "(" else -1
        elif depth == 0:
            parts.append(text[start:found.start()])
            start = found.end()
    return [*parts, text[start:]]


def atoms(text):
    """What must hold, of several ways the first."""
    text = text.strip()
    alternatives = split_outside(text, "OR")
    if len(alternatives) > 1:
        first = alternatives[0]
        # "A-1 OR A-2 VALUED"
        return atoms(first if re.search(r"VALUED|EMPTY|EQUALS?|\bIN\b|\bIS\b|=", first, flags=re.I) else first + " VALUED")
    parts = split_outside(text, "AND")
    if len(parts) > 1:
        return [atom for part in parts for atom in atoms(part)]
    if text.startswith("(") and text.endswith(")"):
        return atoms(text[1:-1])
    return [text]


class Condition:
    """What must be in the message for a condition to hold: [(path, value | None)]; None: not understood."""

    def __init__(self, text, here):
        text = re.sub(r"\s+", " ", text.replace("“", '"').replace("”", '"').replace("'", '"')).strip()
        text = re.sub(r"\bIF ", "", text, flags=re.I)
        self.here = here
        self.wants = []
        text += ")" * (text.count("(") - text.count(")"))
        self.good = all(self.parse(atom) for atom in atoms(text))

    def parse(self, text):
        text = re.sub(r"DOES NOT EXIST|IS EMPTY", "NOT VALUED", text, flags=re.I)
        # The samples are long enough, and fields that repeat do so once.
        text = re.sub(r"^[A-Z0-9-]+ (LENGTH GREATER THAN \d+|(LST\.)?COUNT ?(=|EQUALS) ?1)", "", text, flags=re.I).strip()
        if not text:
            return True
        found = re.match(
            r"^(?P<path>[A-Z][A-Z0-9]{1,2}(?:-\d+)?(?:\.\d+)*(?:\[\d\])?)?\s*(?:IS )?(?P<op>NOT VALUED|VALUED?|NOT EQUALS?|"
            r"EQUALS?|NOT IN|IN|NOT|IS|=|$)\s*(?P<rest>.*)$", text, flags=re.I)
        if not found:
            return False
        path, op, rest = found["path"] or self.here, found["op"].upper(), found["rest"]
        values = re.findall(r'"([^"]*)"', rest)
        if op in ("VALUED", "VALUE", ""):
            self.wants.append((path, "*"))
        elif op == "NOT VALUED":
            self.wants.append((path, ""))
        elif op in ("EQUALS", "EQUAL", "IN", "IS", "=") and values:
            self.wants.append((path, values[0]))
        elif op.startswith("NOT") and values:
            self.wants.append((path, "!" + "|".join(values)))
        else:
            return False
        return True


class Message:
    def __init__(self, structure, segment):
        self.type, self.order = STRUCTURES[structure]
        self.segments = {"PID": dict(MINIMUM["PID"])}
        before = BEFORE.get((structure, segment))
        for name in [*ALWAYS[structure], *([before] if before else []), segment]:
            self.segments.setdefault(name, dict(MINIMUM.get(name, {})))
        self.header = {}

    def put(self, path, value):
        found = re.match(r"^([A-Z][A-Z0-9]{2})-(\d+)(?:\[\d\])?(?:\.(\d+))?(?:\.(\d+))?$", path)
        if not found:
            return False
        segment, field = found[1], int(found[2])
        fields = self.header if segment == "MSH" else self.segments.setdefault(segment, dict(MINIMUM.get(segment, {})))
        if found[3] is None:
            fields[field] = value
            return True
        parts = fields.get(field, "").split("^")
        index = int(found[3]) - 1
        parts += [""] * (index + 1 - len(parts))
        parts[index] = value
        fields[field] = "^".join(parts)
        return True

    def text(self, number):
        header = {9: self.type, 10: f"R{number}", 11: "P", 12: "2.5.1", 7: "20260102030405+0000", 3: "EHR", 4: "MAIN"}
        header.update(self.header)
        lines = ["MSH|^~\\&|" + "|".join(header.get(i, "") for i in range(3, max(header) + 1))]
        for name in self.order:
            if name in self.segments:
                fields = self.segments[name]
                lines.append(name + "|" + "|".join(fields.get(i, "") for i in range(1, max(fields, default=1) + 1)))
        return "\r".join(lines) + "\r"


def steps_of(target):
    """participant[1].individual(Practitioner.name) -> [(name, type or None)]"""
    target = re.sub(r"\[[^\]]*\]", "", target.split("=")[0]).replace(" ", "")
    steps = []
    while target:
        found = re.match(r"([A-Za-z0-9_$-]+)(?:\(([A-Za-z]+)(?:\.([^()]*(?:\([^()]*\))?[^()]*))?\))?\.?", target)
        if not found or not found[0]:
            return None
        steps.append((found[1], found[2]))
        if found[3]:
            steps += steps_of(found[3]) or []
        target = target[found.end():]
    return steps


def find(node, steps, bundle):
    """Every value at the path."""
    nodes = [node]
    for name, kind in steps:
        if name == "$this":
            continue
        reached = []
        for one in nodes:
            value = one.get(name) if isinstance(one, dict) else None
            if isinstance(value, (str, bool, int, float)) and "_" + name in one and (name, kind) != steps[-1]:
                value = one["_" + name]
            reached += value if isinstance(value, list) else [] if value is None else [value]
        if kind:
            if kind in DATA_TYPES:
                nodes = reached
                continue
            reached = [bundle.get(r["reference"]) or contained(node, r["reference"]) for r in reached
                       if isinstance(r, dict) and "reference" in r]
            reached = [r for r in reached if r and r["resourceType"] == kind]
        nodes = reached
    return nodes


def contained(node, reference):
    for one in node.get("contained", []) if isinstance(node, dict) else []:
        if "#" + one.get("id", "") == reference:
            return one
    return None


class Row:
    def __init__(self, map_name, cells):
        self.map = map_name
        self.identifier, self.type, self.condition = cells[1], cells[3], cells[6]
        self.narrative, self.target, self.data_map, self.vocabulary, self.assignment = cells[8], cells[9], cells[14], \
            cells[15], cells[16]
        if "=" in self.target and "(" not in self.target and not self.assignment:  # status="finished"
            self.assignment = self.target.split("=", 1)[1]
        self.state, self.why, self.message = "", "", None
        self.field, self.needs = self.identifier, {}
        self.resource = re.sub(r"-.*", "", self.map.split("-", 1)[1])

    def constant(self):
        text = self.assignment.strip().strip('"').strip()
        if not text or re.search(r'[+/#]', self.assignment) and not text.startswith(("http", "urn")):
            return None
        return text

    def carry(self, field, needs, resource, path):
        """Makes a row of a data type one of a field that is read with the map."""
        self.field, self.needs, self.resource = field, needs, resource
        below = re.sub(r"^(\[[^\]]*\]\.|\$this|\$value|Quantity|Organization)\b\.?", "", self.target)
        self.target = below if path == "$this" else f"{path}.{below}" if below else path

    def place(self, path):
        """CX.4 -> PID-3.4; CWE.3 in a condition of SCH-7 -> SCH-7.3; ORC.1 in one of ORC-9 -> ORC-1."""
        segment = self.field.split("-")[0]
        if path.startswith(segment + "."):
            return path.replace(".", "-", 1)
        return path if "-" in path else ".".join([self.field, *path.split(".")[1:]])

    def build(self, vocabulary, types):
        if not self.field:
            self.state, self.why = "open", "no field that we read with this map"
            return
        segment = self.field.split("-")[0]
        message = Message(MAP_CARRIERS.get(self.map, CARRIERS[segment]), segment)
        for path, value in self.needs.items():
            message.put(path, value)
        sample = SAMPLES.get(self.type) or (SAMPLES.get(self.identifier.split(".")[0], "text") if not self.type else "text")
        if self.field != self.identifier:
            sample = sample.replace("^", "&")
        if self.vocabulary:
            code = vocabulary.sample(self.vocabulary)
            if code and self.type in ("CWE", "CE", "CNE"):
                sample = code[0] + "^Text"
            elif code:
                sample = code[0]
        sample = VALUES.get(self.identifier, sample)
        message.put(self.place(self.identifier), sample)
        if self.identifier in ("OBX-5", "OBX-6"):
            kind = re.search(r'OBX-2 (?:EQUALS|IN|IS) \(?"(\w+)"', self.condition)
            if kind and kind[1] in SAMPLES:
                message.put("OBX-2", kind[1])
                message.put("OBX-5", SAMPLES[kind[1]])
        if self.condition:
            condition = Condition(self.condition, self.place(self.identifier))
            if not condition.good:
                self.state, self.why = "open", "condition not understood: " + self.condition
                return
            for path, value in condition.wants:
                path, own = self.place(path), self.place(self.identifier)
                if value == "*":
                    if path != own:
                        message.put(path, SAMPLES.get(types.get(path, ""), "X1"))
                elif value.startswith("!"):
                    if path.split(".")[0] == own and sample.split("^")[0] in value[1:].split("|"):
                        message.put(path, "C1")
                    elif path.split(".")[0] != own:
                        message.put(path, "C1" if "C1" not in value else "C2")
                else:
                    message.put(path, value)
        self.message = message

    def check(self, bundle):
        steps = steps_of(self.target)
        if steps is None:
            self.state, self.why = "open", "target not understood"
            return
        resources = [r for r in bundle.values() if r["resourceType"] == self.resource]
        if not resources:
            self.state, self.why = "missing", "no " + self.resource
            return
        values = [v for r in resources for v in find(r, steps, bundle)]
        constant = self.constant()
        if not values:
            self.state, self.why = "missing", "nothing at " + self.target
        elif constant is not None and constant not in [str(v) if not isinstance(v, bool) else str(v).lower()
                                                       for v in values]:
            self.state, self.why = "differs", f"expected {constant}, got {json.dumps(values)[:80]}"
        else:
            self.state = "holds"


def load_data_types(folder, only):
    for path in sorted((folder / "datatypes").glob("*.csv")):
        if only and not any(path.stem.startswith(one) for one in only):
            continue
        for cells in csv_rows(path):
            if cells[9]:
                row = Row(path.stem, cells)
                row.field = ""
                if path.stem in DATA_CARRIERS:
                    row.carry(*DATA_CARRIERS[path.stem])
                yield row


def field_types(folder):
    return {cells[1]: cells[3] for path in (folder / "segments").glob("*.csv") for cells in csv_rows(path) if cells[3]}


def load(folder, only):
    for path in sorted((folder / "segments").glob("*.csv")):
        if path.stem.split("-")[0] not in CARRIERS:
            continue
        if only and not any(path.stem.startswith(one) for one in only):
            continue
        for cells in csv_rows(path):
            if cells[9] and "-" in cells[1]:
                yield Row(path.stem, cells)


def verify(rows, binary, folder):
    """Maps one message for each row and decides its state."""
    vocabulary, types = Vocabulary(folder), field_types(folder)
    for row in rows:
        row.build(vocabulary, types)
    asked = [row for row in rows if row.message]
    stream = "".join(row.message.text(i) for i, row in enumerate(asked))
    done = subprocess.run([binary, "map", "--ndjson", "--quiet", "-", "--mappings", ROOT / "mappings"], input=stream,
                          capture_output=True, text=True)
    answers = {}
    for line in done.stdout.splitlines():
        bundle = {entry["fullUrl"]: entry["resource"] for entry in json.loads(line)["entry"]}
        for resource in bundle.values():
            for entity in resource.get("entity", []) if resource["resourceType"] == "Provenance" else []:
                value = entity.get("what", {}).get("identifier", {}).get("value", "")
                if value.startswith("R"):
                    answers[int(value[1:])] = bundle
    if asked and not answers:
        sys.exit(f"{binary} mapped nothing: {done.stderr[:2000]}")
    for i, row in enumerate(asked):
        if i in answers:
            row.check(answers[i])
        else:
            row.state, row.why = "refused", "no bundle"


def number_equal_rows(rows):
    """Rows of one map, field and target (they differ in their condition) are told apart by their number."""
    seen = collections.Counter()
    for row in rows:
        key = (row.map, row.identifier, row.target)
        seen[key] += 1
        row.key = (*key, str(seen[key]))


def read_table(path):
    if not path.exists():
        return {}
    with open(path, newline="") as file:
        return {tuple(cells[:4]): cells[4:] for cells in list(csv.reader(file, delimiter="\t"))[1:]}


def write_table(path, rows, known):
    with open(path, "w", newline="") as file:
        out = csv.writer(file, delimiter="\t", lineterminator="\n")
        out.writerow(["map", "field", "target", "number", "state", "reason"])
        for row in rows:
            reason = known.get(row.key, ["", ""])[1] if row.state != "holds" else ""
            out.writerow([*row.key, row.state, reason])


def differences(rows, known):
    for row in rows:
        state = known.get(row.key, ["unknown"])[0]
        if state != row.state:
            yield f"{' '.join(row.key)}: {state} in the table, now: {row.state} {row.why}"


def print_rows(rows):
    sums = collections.defaultdict(collections.Counter)
    for row in rows:
        sums[row.map][row.state] += 1
        if row.state != "holds":
            print("\t".join([row.state, row.map, row.identifier, row.target, row.condition or row.narrative[:60],
                             row.why]))
    for name, counts in sums.items():
        print(f"{name}: {counts['holds']} of {sum(counts.values())} hold  {dict(counts)}")
    print("all:", dict(sum(sums.values(), collections.Counter())))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("maps", nargs="*", help="only these: PV1, PID-Patient")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    folder = Path(os.environ.get("CARESTREAM_SHARED", ROOT.parent / "shared")) / "v2-to-fhir"
    if not folder.is_dir():
        print("skipped: no folder", folder)
        return SKIPPED
    rows = [*load(folder, arguments.maps), *load_data_types(folder, arguments.maps)]
    number_equal_rows(rows)
    verify(rows, Path(os.environ.get("CARESTREAM_BIN", ROOT / "build/bin")) / "carestream", folder)
    table = ROOT / "mappings/coverage.tsv"
    if arguments.list:
        print_rows(rows)
        return 0
    if arguments.write and not arguments.maps:
        write_table(table, rows, read_table(table))
        return 0
    found = list(differences(rows, read_table(table)))
    for line in found:
        print(line)
    print(f"{sum(row.state == 'holds' for row in rows)} of {len(rows)} rows hold; {len(found)} differ from {table.name}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
