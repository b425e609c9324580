"""What became of the valued leaves of the corpus, by `map --report json`.

Every leaf is mapped or listed with a reason. Of the leaves in fields that HL7's v2-to-FHIR tables map (a field with a
target row in the tables of its segment) the mapped share is counted.
"""
import collections
import csv
import re

import corpus


def mapped_fields():
    """{"PID-3", ...}: the fields with a target row."""
    fields = set()
    for path in (corpus.shared() / "v2-to-fhir" / "segments").glob("*.csv"):
        with open(path, newline="", encoding="utf-8-sig") as file:
            for row in list(csv.reader(file))[2:]:
                field = re.match(r"[A-Z][A-Z0-9]{2}-\d+", row[1].strip())
                if field and len(row) > 9 and row[9].strip():
                    fields.add(field[0])
    return fields


def field_of(path):
    found = re.match(r"([A-Z][A-Z0-9]{2})(?:\[\d+\])?-(\d+)", path)
    return f"{found[1]}-{found[2]}" if found else path


class Leaves:
    def __init__(self, fields):
        self.fields = fields
        self.total = self.mapped = self.known = self.known_mapped = 0
        self.unaccounted = []               # messages whose leaves do not add up
        self.missed = collections.Counter()  # field -> leaves of it that are not mapped

    def add(self, message):
        report = message.report
        self.total += report["leaves"]
        self.mapped += len(report["mapped"])
        unmapped = [one["path"] for one in report["unmapped"] if one.get("reason")]
        if len(report["mapped"]) + len(unmapped) != report["leaves"]:
            self.unaccounted.append(message.name)
        self.known_mapped += sum(field_of(path) in self.fields for path in report["mapped"])
        missed = [field_of(path) for path in unmapped if field_of(path) in self.fields]
        self.missed.update(missed)
        self.known = self.known_mapped + sum(self.missed.values())


def measure(messages, fields):
    leaves = Leaves(fields)
    for message in messages:
        if message.bundle is not None:
            leaves.add(message)
    return leaves
