"""HL7's v2-to-FHIR tables of segments and data types against our maps, a row at a time: a message with just that field (and
what the row's condition asks for), an assertion on just that path.

  python3 tests/conformance/v2_to_fhir_rows.py             # fails if mappings/coverage.tsv says otherwise
  python3 tests/conformance/v2_to_fhir_rows.py --write     # brings it up to date; `ours` and reasons in it are kept
  python3 tests/conformance/v2_to_fhir_rows.py --list PV1  # the rows that do not hold, and sums

States: holds; deviates and not computable (the reason stands in the last column and begins with these words; where `ours` names a
path, the value was found there); missing. $CARESTREAM_SHARED names the folder that holds v2-to-fhir/ (default ../shared);
without it nothing is checked.
"""
import base64
import collections
import json
import re
import sys

import v2_to_fhir as common
from v2_to_fhir import Condition, Message, csv_rows, find, one_line, steps_of

# A segment -> the structure that carries it here.
CARRIERS = {
    "AIG": "SIU", "AIL": "SIU", "AIP": "SIU", "AIS": "SIU", "SCH": "SIU",
    "OBR": "ORU", "OBX": "ORU", "SPM": "ORU", "ORC": "ORU",
    "AL1": "ADT", "DG1": "ADT", "MSH": "ADT", "NK1": "ADT", "PD1": "ADT", "PID": "ADT", "PV1": "ADT", "PV2": "ADT",
    "EVN": "ADT", "PR1": "ADT", "IN1": "ADT", "IN3": "ADT", "ROL": "ADT", "TQ1": "OML", "NTE": "OML", "TXA": "MDM",
    "RXA": "VXU", "RXR": "VXU", "IAM": "A60", "MRG": "A06", "SFT": "ADT", "PRT": "ORU", "RXO": "OMP", "RXE": "RDE", "MSA": "ADT",
}
# Where the map, not the segment, says it.
MAP_CARRIERS = {
    "OBR-ServiceRequest": "OML", "ORC-ServiceRequest": "OML", "ORC-Provenance": "OML", "ORC-Immunization": "VXU",
    "OBX-DocumentReference": "MDM", "NTE-DocumentReference": "MDM", "NTE-Observation": "ORU", "NTE-Appointment-Comment": "SIU",
    "RXR-MedicationRequest": "OMP", "TQ1-MedicationRequest": "OMP", "ORC-MedicationAdministration": "RAS",
    "PID-Appointment": "SIU", "OBR-Specimen": "ORM", "PRT-CareTeam": "ADT", "MSH-Encounter": "A11",
    "PRT-Patient-GeneralPractitioner-Practitioner": "ADT", "PRT-Patient-GeneralPractitioner-PractitionerRole": "ADT",
    "ROL-Encounter-PractitionerRole": "A01V", "PRT-RelatedPerson": "ADT",
}
# What a map needs beside its own row: the case that it is for.
MAP_NEEDS = {
    "PRT-Patient-GeneralPractitioner-Practitioner": {"PRT-4": "PP^^HL70912", "PRT-5": "D1^Smith"},
    "PRT-Patient-GeneralPractitioner-PractitionerRole": {"PRT-4": "PP^^HL70912", "PRT-5": "D1^Smith"},
    "PRT-CareTeam": {"PRT-4": "AT^^HL70912"},
    "PRT-PractitionerRole": {"PRT-4": "PB^^HL70912", "PRT-5": "D1^Smith"},
    "PRT-Device": {"PRT-10": "D1^DEV"},
    "PRT-RelatedPerson": {"PRT-4": "AT^^HL70912", "PRT-5": "D1^Smith"},
    "ROL-Patient-GeneralPractitioner": {"ROL-3": "PP^^HL70443", "ROL-4": "D1^Smith"},
    "ROL-Encounter-PractitionerRole": {"ROL-3": "AT^^HL70443", "ROL-4": "D1^Smith"},
    "ROL-CareTeam": {"ROL-3": "CP^^HL70443"},
    "ROL-RelatedPerson": {"ROL-3": "CP^^HL70443"},
    "OBR-Specimen": {"OBR-15": "BLD"},
    "PD1-Observation-LivingWill": {"PD1-7": "Y"},
    "PID-Account": {"PID-18": "A1^^^MAIN"},
    "PID-Provenance-Patient": {"PID-33": "20260101", "PID-34": "GEN^1.2.3^ISO"},
    "MRG-Account": {"MRG-3": "A1^^^MAIN"},
    "TXA-Provenance": {"TXA-8": "20260102030405+0000", "TXA-9": "D1^Smith"},
    "IN3-CareTeam": {"IN3-21": "Case Mary"},
    "OBX-Observation-Component": {"OBX-2": "NM", "OBX-5": "5"},
}
STRUCTURES = {
    "ADT": ("ADT^A01^ADT_A01", ["SFT", "EVN", "PID", "PD1", "PRT", "ROL", "NK1", "PV1", "PV2", "OBX", "AL1", "DG1", "PR1", "IN1", "IN3"]),
    "A01V": ("ADT^A01^ADT_A01", ["EVN", "PID", "PV1", "ROL"]),
    "A11": ("ADT^A11^ADT_A09", ["EVN", "PID", "PV1"]),
    "A06": ("ADT^A06^ADT_A06", ["EVN", "PID", "MRG", "PV1"]),
    "ORU": ("ORU^R01^ORU_R01", ["PID", "PD1", "NK1", "PV1", "PV2", "ORC", "OBR", "OBX", "PRT", "NTE", "SPM"]),
    "OML": ("OML^O21^OML_O21", ["PID", "PD1", "PV1", "IN1", "ORC", "TQ1", "OBR", "NTE", "DG1", "OBX", "PRT", "SPM"]),
    "ORM": ("ORM^O01^ORM_O01", ["PID", "PV1", "ORC", "OBR", "NTE", "DG1", "OBX"]),
    "MDM": ("MDM^T02^MDM_T02", ["EVN", "PID", "PV1", "TXA", "OBX", "NTE"]),
    "VXU": ("VXU^V04^VXU_V04", ["PID", "PD1", "NK1", "PV1", "ORC", "RXA", "PRT", "RXR", "OBX"]),
    "OMP": ("OMP^O09^OMP_O09", ["PID", "PD1", "PV1", "ORC", "TQ1", "RXO", "NTE", "RXR"]),
    "RDE": ("RDE^O11^RDE_O11", ["PID", "PD1", "PV1", "ORC", "RXE", "NTE", "TQ1", "RXR"]),
    "RAS": ("RAS^O17^RAS_O17", ["PID", "PD1", "PV1", "ORC", "RXA", "RXR"]),
    "BAR": ("BAR^P01^BAR_P01", ["EVN", "PID", "PV1", "DG1"]),
    "A60": ("ADT^A60^ADT_A60", ["EVN", "PID", "IAM", "NTE"]),
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
    "SFT": {1: "Acme", 2: "1.0", 3: "EHR"},
}

# What is always there beside PID, and what a segment needs before it.
ALWAYS = {
    "ADT": ["PV1"], "A01V": ["PV1"], "A11": ["PV1"], "A06": ["PV1"], "ORU": ["OBR"], "SIU": ["SCH"], "OML": ["ORC", "OBR"],
    "ORM": ["ORC", "OBR"], "MDM": ["TXA"], "VXU": ["ORC", "RXA"], "OMP": ["ORC", "RXO"], "RDE": ["ORC", "RXE"],
    "RAS": ["ORC", "RXA"], "A60": ["IAM"], "BAR": [],
}
BEFORE = {("ORU", "NTE"): "OBX", ("ORU", "PRT"): "OBX", ("SIU", "AIS"): "RGS", ("SIU", "AIG"): "RGS", ("SIU", "AIL"): "RGS",
          ("SIU", "AIP"): "RGS", ("ADT", "IN3"): "IN1"}

UNUSED = "no row of HL7's tables applies this map"
# A data type map -> a field that is read with it, what else the segment needs, and where its result lies. A row of HL7's that
# applies the map stands behind each.
DATA_CARRIERS = {
    "CX-Identifier": ("PID-3", {"PID-3": "100^^^MAIN^MR"}, "Patient", "identifier"),
    "CX-RelatedPerson-Mother": ("PID-21", {"PID-21": "M5^^^MAIN^MR"}, "RelatedPerson", "$this"),
    "XPN-HumanName": ("PID-5", {}, "Patient", "name"),
    "FN-HumanName": ("PID-5.1", {"PID-5": "Doe"}, "Patient", "name"),
    "XAD-Address": ("PID-11", {}, "Patient", "address"),
    "SAD-Address": ("PID-11.1", {"PID-11": "1 Main St"}, "Patient", "address"),
    "XTN-ContactPoint": ("PID-13", {}, "Patient", "telecom"),
    "XPN-string": ("PID-6", {}, "Patient", "extension.valueString"),
    "XCN-Practitioner": ("PV1-7", {"PV1-7": "D1^Smith"}, "Encounter", "participant.individual(Practitioner)"),
    "XCN-PractitionerRole": ("PRT-5", {"PRT-4": "PB^^HL70912", "PRT-5": "D1^Smith"}, "PractitionerRole", "$this"),
    "CWE-PractitionerRole": ("PRT-6", {"PRT-4": "PB^^HL70912", "PRT-5": "D1^Smith", "PRT-6": "C1^^^C2^^^^^^C3"}, "PractitionerRole", "$this"),
    "XCN-Annotation-Author": ("NTE-5", {"NTE-5": "D1^Smith"}, "Observation", "note"),
    "XCN-Patient": ("ROL-4", {"ROL-3": "CP^^HL70443", "ROL-4": "D1^Smith"}, "CareTeam", "participant.member(Patient)"),
    "XCN-RelatedPerson": ("ROL-4", {"ROL-3": "CP^^HL70443", "ROL-4": "D1^Smith"}, "CareTeam", "participant.member(RelatedPerson)"),
    "CNN-Practitioner": ("OBR-32.1", {"OBR-32": "N1&Smith"}, "DiagnosticReport", "resultsInterpreter(Practitioner)"),
    "NDL-PractitionerRole": ("OBR-32", {"OBR-32": "N1&Smith^20260102"}, "DiagnosticReport", "resultsInterpreter(PractitionerRole)"),
    "XON-Organization": ("OBX-23", {"OBX-23": "Org^^O1"}, "Observation", "performer(Organization)"),
    "XON-Location": ("ORC-21", {"ORC-21": "Org"}, "Provenance", "location(Location)"),
    "XON-string": ("SFT-1", {"SFT-1": ""}, "Device", "manufacturer"),
    "CWE-Organization": ("OBX-15", {"OBX-15": "O1^Org"}, "Observation", "performer(Organization)"),
    "CWE-Device": ("ORC-18", {"ORC-18": "D1^Desk"}, "Provenance", "agent.who(Device)"),
    "CWE-Identifier": ("IN1-2", {"IN1-2": "GOLD"}, "Coverage", "identifier"),
    "HD-Organization": ("PID-34", {"PID-33": "20260101", "PID-34": "GEN^1.2.3^ISO"}, "Provenance", "agent.who(Organization)"),
    "HD-uri": ("PID-3.4", {"PID-3": "100"}, "Patient", "identifier.system"),
    "HD-Location": ("EVN-7", {"EVN-7": "MAIN"}, "Provenance", "location(Location)"),
    "HD-MessageHeader.source-name": ("MSH-3", {"MSH-3": "EHR"}, "MessageHeader", "source"),
    "HD-MessageHeader.source-endpoint": ("MSH-3", {"MSH-3": "EHR"}, "MessageHeader", "source"),
    "HD-Device": ("MSH-5", {}, "MessageHeader", "destination.target(Device)"),
    "HD-Identifier": ("OBR-32.4", {"OBR-32": "N1&Smith"}, "DiagnosticReport",
                      "resultsInterpreter(PractitionerRole).location(Location).identifier"),
    "PL-Location": ("PV1-3", {}, "Encounter", "location.location(Location)"),
    "DLD-Location-Discharge": ("PV1-37", {}, "Encounter", "hospitalization.destination(Location)"),
    "CWE-CodeableConcept": ("OBX-3", {"OBX-3": "C1^^^C2^^^^^^C3"}, "Observation", "code"),
    "CE-CodeableConcept": ("OBX-3", {}, "Observation", "code"),
    "CNE-CodeableConcept": ("OBX-3", {"OBX-3": "C1^^^C2^^^^^^C3"}, "Observation", "code"),
    "CF-CodeableConcept": ("OBX-5", {"OBX-2": "CF", "OBX-5": "C1^^^C2^^^^^^C3"}, "Observation", "valueCodeableConcept"),
    "IS-CodeableConcept": ("OBX-5", {"OBX-2": "IS"}, "Observation", "valueCodeableConcept"),
    "ID-CodeableConcept": ("OBR-24", {}, "DiagnosticReport", "category"),
    "ID-CodeableConcept-UniversalID": ("PID-34.3", {"PID-33": "20260101", "PID-34": "GEN^1.2.3"}, "Provenance",
                                       "agent.who(Organization).identifier.type"),
    "ST-CodeableConcept": ("AL1-5", {}, "AllergyIntolerance", "reaction.manifestation"),
    "CWE-Coding": ("PV2-38", {}, "Encounter", "extension.valueCoding"),
    "ID-Coding": ("PV2-22", {}, "Encounter", "meta.security"),
    "CWE-Quantity": ("OBX-6", {"OBX-2": "NM", "OBX-5": "5", "OBX-6": "mg^milligram^UCUM"}, "Observation", "valueQuantity"),
    "NM-Quantity": ("OBX-5", {"OBX-2": "NM"}, "Observation", "valueQuantity"),
    "NM-Quantity-LengthOfStay": ("PV2-11", {}, "Encounter", "length"),
    "NM-positiveInt": ("PID-13.18", {"PID-13": "^^PH^^^555^1"}, "Patient", "telecom.rank"),
    "CQ-Quantity": ("SPM-12", {}, "Specimen", "collection.quantity"),
    "CQ-decimal": ("TQ1-13", {"TQ1-13": "30^MIN"}, "ServiceRequest", "occurrenceTiming.repeat.duration"),
    "CQ-code": ("TQ1-13", {"TQ1-13": "30^MIN"}, "ServiceRequest", "occurrenceTiming.repeat.durationUnit"),
    "CQ-unsignedInt": ("TQ1-5", {}, "ServiceRequest", "occurrenceTiming.repeat.offset"),
    "CWE-code": ("IAM-2", {}, "AllergyIntolerance", "category"),
    "CWE-string": ("PID-11.9", {"PID-11": "1 St^^Town"}, "Patient", "address.district"),
    "CWE-uri": ("PID-20.2", {"PID-20": "L1"}, "Patient", "identifier.system"),
    "ID-code": ("OBR-5", {}, "ServiceRequest", "priority"),
    "ID-string": ("PID-12", {}, "Patient", "address.district"),
    "IS-code": ("OBR-32.8", {"OBR-32": "N1&Smith^^^W"}, "DiagnosticReport",
                "resultsInterpreter(PractitionerRole).location(Location).status"),
    "MSG-Coding": ("MSH-9", {}, "MessageHeader", "eventCoding"),
    "MSG-code": ("MSH-9", {}, "Encounter", "status"),
    "DR-Period": ("SPM-17", {"SPM-17": "20260101^20260102"}, "Specimen", "collection.collectedPeriod"),
    "DR-dateTime": ("SPM-17", {}, "Specimen", "collection.collectedDateTime"),
    "EI-Identifier-Extension": ("OBX-21", {"OBX-21": "E1^AUTH"}, "Observation", "identifier"),
    "EI-Identifier-DefaultAssigner": ("PV1-3.10", {"PV1-3": "W"}, "Encounter", "location.location(Location).identifier"),
    "EI-Identifier-Organization": ("TXA-12", {"TXA-12": "D1"}, "DocumentReference", "masterIdentifier"),
    "EI-Condition": ("DG1-22", {"DG1-22": "E1"}, "Condition", "extension.valueReference(Condition)"),
    "EI-Device-udiCarrier": ("PRT-16", {}, "Device", "$this"),
    "EIP-Identifier-PlacerAssignedIdentifier": ("SPM-2", {}, "Specimen", "identifier"),
    "EIP-Identifier-FillerAssignedIdentifier": ("SPM-2", {}, "Specimen", "identifier"),
    "PLN-Identifier": ("PRT-24", {"PRT-4": "PB^^HL70912", "PRT-5": "D1^Smith", "PRT-24": "N1"}, "PractitionerRole", "identifier"),
    "DLN-Identifier": ("PID-20", {"PID-20": "L1"}, "Patient", "identifier"),
    "ST-Identifier": ("TXA-16", {}, "DocumentReference", "identifier"),
    "SN-Quantity": ("OBX-5", {"OBX-2": "SN", "OBX-5": "^5"}, "Observation", "valueQuantity"),
    "SN-Range": ("OBX-5", {"OBX-2": "SN", "OBX-5": "^5^-^8"}, "Observation", "valueRange"),
    "SN-Ratio": ("OBX-5", {"OBX-2": "SN", "OBX-5": "^5^:^8"}, "Observation", "valueRatio"),
    "NR-Range": ("OBX-5", {"OBX-2": "NR", "OBX-5": "1^5"}, "Observation", "valueRange"),
    "NA-SampledData": ("OBX-5", {"OBX-2": "NA", "OBX-5": "1^5"}, "Observation", "valueSampledData"),
    "ED-Attachment": ("OBX-5", {"OBX-2": "ED", "OBX-5": "S^TEXT^plain^Base64^YWJj"}, "DiagnosticReport", "presentedForm"),
    "RP-Attachment": ("OBX-5", {"OBX-2": "RP", "OBX-5": "p.pdf^S^TEXT^plain"}, "Observation", "extension.valueAttachment"),
    "ED-DocumentReference": ("OBX-5", {"OBX-2": "ED", "OBX-5": "S^TEXT^plain^Base64^YWJj"}, "Observation",
                             "derivedFrom(DocumentReference)"),
    "RP-DocumentReference": ("OBX-5", {"OBX-2": "RP", "OBX-5": "p.pdf^S^TEXT^plain"}, "Observation",
                             "derivedFrom(DocumentReference)"),
    "DTM-dateTime": ("OBX-14", {}, "Observation", "effectiveDateTime"),
    "TS-dateTime": ("OBX-14", {}, "Observation", "effectiveDateTime"),
    "DTM-Annotation-Time": ("NTE-6", {}, "Observation", "note"),
    "FT-Annotation-Comment": ("NTE-3", {"NTE-3": ""}, "Observation", "note"),
    "ID-boolean": ("PID-30", {}, "Patient", "deceasedBoolean"),
    "TQ-Appointment": ("SCH-11", {"SCH-11": "^^^20260102030405+0000"}, "Appointment", "$this"),
    "TQ-ServiceRequest": ("ORC-7", {}, "ServiceRequest", "$this"),
    "RPT-Timing": ("TQ1-3", {}, "ServiceRequest", "occurrenceTiming"),
    "RI-Timing": ("ORC-7.2", {"ORC-7": "^BID"}, "ServiceRequest", "occurrenceTiming"),
    "OG-Extension-Subidentifier": ("OBX-4", {}, "Observation", "$this"),
    "SPS-Specimen-Source": ("OBR-15", {"OBR-15": "BLD"}, "Specimen", "$this"),
    "PT-Meta": ("MSH-11", {}, "MessageHeader", "meta"),
}
STRUCTURE_OF_DATA = {"SPS-Specimen-Source": "ORM", "ID-code": "OML", "RI-Timing": "OML", "TQ-ServiceRequest": "OML", "XON-Location": "OML",
                     "CWE-Device": "OML", "XCN-Annotation-Author": "ORU", "DTM-Annotation-Time": "ORU", "FT-Annotation-Comment": "ORU"}


class Row:
    def __init__(self, map_name, cells, repairs):
        self.map = map_name
        self.identifier, self.type, says = cells[1], cells[3], cells[9]
        segment = map_name.split("-")[0]
        if self.identifier == segment and self.type and "." not in cells[0]:  # TXA[Provenance] has no field numbers
            self.identifier = f"{segment}-{cells[0]}"
        self.key_field, self.key_target = self.identifier, one_line(says)
        self.condition = repairs(map_name, self.identifier, "condition", cells[6])
        self.says, self.narrative = cells[6], one_line(cells[8])
        self.target = repairs(map_name, self.identifier, "target", says)
        self.vocabulary = cells[15]
        self.assignment = repairs(map_name, self.identifier, "constant", cells[16])
        if "=" in self.target and "(" not in self.target and not self.assignment:  # status="finished"
            self.assignment = self.target.split("=", 1)[1]
        self.given = repairs(map_name, self.identifier, "sample", says)
        self.extra = repairs(map_name, self.identifier, "needs", says)
        self.state, self.why, self.message = "", "", None
        self.field, self.needs = self.identifier if "-" in self.identifier else segment, {}
        self.structure = MAP_CARRIERS.get(map_name)
        self.prefix, self.carried = "", False
        self.resource = re.sub(r"-.*", "", map_name.split("-", 1)[1])

    def constant(self):
        """The value that the row assigns: a constant, or texts and components put together; None if people have to write it."""
        text = self.assignment.strip()
        plain = text.strip('"').strip()
        if " - " in plain:  # a date less a duration
            return None
        if re.fullmatch(r"(https?|urn):[^\s\"]+|text/\w+|[^\s+/#\"]+( [^\s+/#\"]+)*", plain):
            return plain
        parts = re.findall(r'"([^"]*)"|([A-Z][A-Z0-9]{1,2}[-.][0-9.]+)|(\+)|([^\s+"]+)', text)
        if len(parts) < 2 or any(part[3] for part in parts) or not self.message:
            return None
        return " ".join("".join(part[0] or part[1] and self.message.get(self.place(part[1])) for part in parts).split())

    def carry(self, field, needs, resource, path):
        """Makes a row of a data type one of a field that is read with the map."""
        self.field, self.needs, self.resource = field, needs, resource
        self.identifier = self.identifier.replace("-", ".", 1)
        below = re.sub(r"^(\[[^\]]*\]\.|\$this|\$value|Quantity|Organization)\b\.?", "", self.target)
        self.prefix, self.carried = "" if path == "$this" else path, True
        self.target = self.absolute(below)
        self.structure = STRUCTURE_OF_DATA.get(self.map)

    def absolute(self, path):
        return ".".join(part for part in (self.prefix, path) if part) or "$this"

    def place(self, path):
        """CX.4 -> PID-3.4; CWE.3 or CWE-3 in a condition of SCH-7 -> SCH-7.3; ORC.1 in one of ORC-9 -> ORC-1."""
        segment = self.field.split("-")[0]
        if path.startswith(segment + "."):
            return path.replace(".", "-", 1)
        if self.carried or self.field not in ("", path) and "-" in path and self.type and path.split("-")[0] == self.type:
            head = re.split(r"[.-]", path)[0]
            if head == re.split(r"[.-]", self.identifier)[0] or "-" not in path:
                return ".".join([self.field, *re.split(r"[.-]", path)[1:]])
        return path if "-" in path or "." not in path else ".".join([self.field, *path.split(".")[1:]])

    def sample(self, vocabulary):
        if self.given:
            return self.given, None
        kind = self.type or self.identifier.split(".")[0]
        sample, expected = common.SAMPLES.get(kind, "text"), None
        if self.vocabulary:
            code = vocabulary.sample(self.vocabulary)
            if code:
                expected = code[1]
                sample = code[0] + "^Text" if kind in ("CWE", "CE", "CNE") else code[0]
        return sample, expected

    def build(self, vocabulary, types):
        self.expected = None
        if not self.field:
            self.why = "no field that we read with this map"
            return
        segment = self.field.split("-")[0]
        structure = self.structure or CARRIERS[segment]
        kind, order = STRUCTURES[structure]
        before = BEFORE.get((structure, segment))
        message = Message(kind, order, MINIMUM, ["PID", *ALWAYS[structure], *([before] if before else []), segment])
        for path, value in {**MAP_NEEDS.get(self.map, {}), **self.needs}.items():
            message.put(path, value)
        own = self.place(self.identifier)
        if "-" in own:
            sample, self.expected = self.sample(vocabulary)
            if "." in own:
                sample = sample.replace("^", "&")
            if sample != "-":
                message.put(own, sample)
        for part in self.extra.split(";") if self.extra else []:
            path, value = part.split("=", 1)
            message.put(self.place(path.strip()), value.strip())
        if self.field == "OBX-5" or self.identifier in ("OBX-5", "OBX-6"):
            found = re.search(r'OBX-2 ?(?:EQUALS|IN|IS|=) ?\(?"(\w+)"', self.condition)
            if found and not self.extra:
                message.put("OBX-2", found[1])
                message.put("OBX-5", common.SAMPLES.get(found[1], "text"))
        if self.condition:
            condition = Condition(self.condition, own)
            if not condition.good:
                self.why = f"condition not understood: {self.condition}: {condition.why}"
                return
            message.fulfil(condition.alternatives[0], own, self.place, types)
        if self.map == "OBX-Observation-Component":  # several values of one question
            message.put("OBX-5", message.get("OBX-5") + "~" + message.get("OBX-5"))
        if 'OBX-2 EQUALS "ED"' in self.condition:  # a report takes the document itself
            message.type, message.order = STRUCTURES["ORM"]
            message.add("ORC")
        self.message = message

    def found(self, bundle, path):
        other = re.match(r"([A-Z][A-Za-z]+):(.*)", path)  # Specimen:identifier is of another resource
        resource, steps = (other[1], steps_of(other[2])) if other else (self.resource, steps_of(path))
        if steps is None:
            self.why = "target not understood"
            return []
        resources = [r for r in bundle.values() if r["resourceType"] == resource]
        self.why = f"nothing at {path}" if resources else "no " + resource
        return [v for r in resources for v in find(r, steps, bundle)]

    def shows(self, texts):
        """What was sent is in what was found: the code that the vocabulary gives, else any part of the value as it was sent."""
        if self.expected is not None:
            return any(self.expected.lower() == text.lower() for text in texts)
        own = self.place(self.identifier)
        sent = self.message.get(own) if "-" in own else ""
        if not sent or self.assignment or self.type in ("ID", "IS") or self.given or self.target.endswith((".url", ".system")):
            return True
        parts = re.findall(r"[A-Za-z0-9]{2,}|\d+", sent)
        parts += [re.sub(r"^(\d{4})(\d\d)(\d\d).*", r"\1-\2-\3", part) for part in parts]
        parts += [re.sub(r"^(\d\d)(\d\d)$", r"\1:\2", sent), base64.b64encode(sent.encode()).decode()]
        return any(part in text for part in parts for text in texts)

    def check(self, bundle, known):
        values = self.found(bundle, self.target)
        why, holds, constant = self.why, bool(values), self.constant()
        texts = common.texts_in([values, common.referred(values, bundle, 2)])
        if values and constant is not None and constant.lower() not in [text.lower() for text in texts]:
            holds, why = False, f"expected {constant}, got {json.dumps(values)[:80]}"
        elif values and constant is None and not self.shows(texts):
            holds, why = False, f"expected {self.expected or self.message.get(self.place(self.identifier))}, got {json.dumps(values)[:80]}"
        there = self.found(bundle, known[1]) if known[1] and not holds else []
        elsewhere = bool(there) and (constant is not None or self.shows(common.texts_in([there, common.referred(there, bundle, 2)])))
        common.decide(self, holds, elsewhere, why, known)


def load(folder, repairs):
    rows = []
    for path in sorted((folder / "segments").glob("*.csv")):
        rows += [Row(path.stem, cells, repairs) for cells in csv_rows(path) if cells[9]]
    for path in sorted((folder / "datatypes").glob("*.csv")):
        for cells in csv_rows(path):
            if cells[9]:
                row = Row(path.stem, cells, repairs)
                row.field = ""
                if path.stem in DATA_CARRIERS:
                    row.carry(*DATA_CARRIERS[path.stem])
                rows.append(row)
    # Rows of one map, field and target (they differ in their condition) are told apart by their number.
    seen = collections.Counter()
    for row in rows:
        key = (row.map, row.key_field, row.key_target)
        seen[key] += 1
        row.key = (*key, str(seen[key]))
    return rows


def verify(rows, folder, table, repairs):
    """Maps one message for each row and decides its state."""
    vocabulary, types = common.Vocabulary(folder), common.field_types(folder)
    applied = {plain(cells[14]) for part in ("segments", "datatypes") for path in (folder / part).glob("*.csv") for cells in csv_rows(path)}
    for row in rows:
        row.build(vocabulary, types)
        if not row.field and plain(row.map) in applied and UNUSED in table.known(row.key)[2]:
            sys.exit(f"{row.map} is applied by a row of HL7's")
    asked = [row for row in rows if row.message]
    answers = common.map_all([row.message for row in asked])
    for row in rows:
        known = table.known(row.key)
        if row.message is None:
            common.decide(row, False, False, row.why, ("", "", known[2]))
    for i, row in enumerate(asked):
        known = table.known(row.key)
        if i in answers:
            row.check(answers[i], known)
        else:
            common.decide(row, False, False, "no bundle", ("", "", known[2]))


def plain(name):
    """CWE[CodeableConcept], CWE-CodeableConcept: the same map."""
    return re.sub(r"[^a-z]", "", name.lower())


def list_rows(rows):
    counts = collections.defaultdict(collections.Counter)
    for row in rows:
        counts[row.map][row.state] += 1
        if row.state != "holds":
            print("\t".join([row.state, *row.key, row.says or row.narrative[:60], row.why]))
    for name, states in counts.items():
        print(f"{name}: {states['holds']} of {sum(states.values())} hold  {dict(states)}")


def conditions(rows, folder, repairs):
    """How many of the distinct conditions are understood."""
    texts = collections.defaultdict(set)
    for part in ("segments", "datatypes", "messages"):
        for path in (folder / part).glob("*.csv"):
            for cells in csv_rows(path):
                if cells[6] and cells[9]:
                    texts[cells[6]].add(repairs(path.stem, cells[1], "condition", cells[6]))
    bad = sorted(text for text, forms in texts.items() if not all(Condition(form, "PID-1").good for form in forms))
    repaired = sum(forms != {text} for text, forms in texts.items())
    print(f"conditions: {len(texts) - len(bad)} of {len(texts)} distinct ones understood, {repaired} of them repaired")
    for text in bad:
        print("not understood:", text)
    for row in repairs.unused(False):
        print("repair of nothing:", *row)


if __name__ == "__main__":
    sys.exit(common.main(__doc__, load, verify, common.Table(common.ROOT / "mappings/coverage.tsv", ["map", "field", "target", "number"]),
                         list_rows, conditions))
