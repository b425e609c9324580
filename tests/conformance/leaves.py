"""What became of the valued leaves of the corpus, by `map --report json`.

Every leaf is mapped or listed with a reason. The mapped share is counted of the leaves in fields that HL7's v2-to-FHIR
tables map (a field with a target row in the tables of its segment), and of those in components that the tables of the
data types map as well (PID-3.4.2: PID-3 by CX[Identifier], CX.4 by HD[uri], HD.2 a target).
"""
import collections
import csv
import re

import corpus


def rows_of(folder):
    """(file name, cells) of every row."""
    for path in sorted((corpus.shared() / "v2-to-fhir" / folder).glob("*.csv")):
        with open(path, newline="", encoding="utf-8-sig") as file:
            for row in list(csv.reader(file))[2:]:
                row = [cell.strip() for cell in row] + [""] * (19 - len(row))
                yield path.stem, row


def plain(name):
    """CX[Identifier], CX-Identifier -> cxidentifier"""
    return re.sub(r"[^a-z0-9]", "", name.lower())


class Tables:
    """Which fields and components have target rows."""

    def __init__(self):
        self.fields = collections.defaultdict(set)      # PID-3 -> {cxidentifier}; "": no data type table
        self.components = collections.defaultdict(set)  # (cxidentifier, 4) -> {hduri}
        self.types, self.listed = set(), set()           # all fields, also without a target
        for _, row in rows_of("segments"):
            found = re.match(r"([A-Z][A-Z0-9]{2}-\d+)", row[1])
            if found:
                self.listed.add(found[1])
            if found and row[9]:
                self.fields[found[1]].add(plain(row[14]))
        for name, row in rows_of("datatypes"):
            self.types.add(plain(name))
            found = re.match(r"[A-Z]+\.(\d+)", row[1])
            if found and row[9]:
                self.components[plain(name), int(found[1])].add(plain(row[14]))

    def has_component(self, path):
        """Of a leaf in a field that is mapped: is its component?"""
        numbers = [int(one) for one in re.sub(r"\[\d+\]", "", path).split("-", 1)[1].split(".")[1:]]
        return any(self.reach(kind, numbers) for kind in self.fields.get(field_of(path), ()))

    def reach(self, kind, numbers):
        if kind not in self.types or not numbers:
            return all(one == 1 for one in numbers)
        return any(self.reach(below, numbers[1:]) for below in self.components.get((kind, numbers[0]), ()))


def field_of(path):
    found = re.match(r"([A-Z][A-Z0-9]{2})(?:\[\d+\])?-(\d+)", path)
    return f"{found[1]}-{found[2]}" if found else path


class Leaves:
    def __init__(self, tables):
        self.tables = tables
        self.total = self.mapped = 0
        self.unaccounted = []                # messages whose leaves do not add up
        self.by_field = [0, 0]               # mapped, all
        self.by_component = [0, 0]
        self.missed = collections.Counter()  # field -> leaves of it that are not mapped, by component

    def add(self, message):
        report = message.report
        unmapped = [one["path"] for one in report["unmapped"] if one.get("reason")]
        self.total += report["leaves"]
        self.mapped += len(report["mapped"])
        if len(report["mapped"]) + len(unmapped) != report["leaves"]:
            self.unaccounted.append(message.name)
        for paths, done in ((report["mapped"], 1), (unmapped, 0)):
            for path in paths:
                self.count(path, done)

    def count(self, path, done):
        if field_of(path) not in self.tables.fields:
            return
        self.by_field[0] += done
        self.by_field[1] += 1
        if self.tables.has_component(path):
            self.by_component[0] += done
            self.by_component[1] += 1
            if not done:
                self.missed[field_of(path)] += 1


def measure(messages, tables):
    leaves = Leaves(tables)
    for message in messages:
        if message.bundle is not None:
            leaves.add(message)
    return leaves
