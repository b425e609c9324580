"""Rules that justify deviations from a peer: general (type, path, kind of deviation), never about one message.

A table has a rule a line: `type  path  kinds  from  row  reason`. `type` and `path` are shell patterns (a*, {x,y} by
commas between alternatives), `kinds` a list, `from` the HL7 fields that the peer's value may come from and the events
(ADT^A0*) it is about (empty: any; -: no field, what the peer adds or refers to), `row` the row of HL7's v2-to-FHIR tables that decides (`PID-13 XTN.3`), `reason` a
sentence. The first that fits counts.

Kinds: moved (the value is at another path of our resource), kept (in another of our resources), lost (in the message,
in a field that HL7's tables map), outside (in the message, but in no such field), made (neither in the message nor in our
output: a constant, a translation, a default of the peer), ref (a reference); `apart` fits any of these in a resource
that has no counterpart among ours.
"""
import collections
import csv
import dataclasses
import fnmatch
import re

KINDS = ("moved", "kept", "lost", "outside", "made", "ref", "apart", "value", "present", "absent", "count")
HEADER = ["type", "path", "kinds", "from", "row", "reason"]


@dataclasses.dataclass
class Deviation:
    type: str
    path: str
    kind: str
    value: str
    found: list       # what we have at the path
    fields: frozenset  # where the message has the value, or most of the entry of a list that it belongs to
    apart: bool
    name: str         # of the message
    event: str        # ADT^A01


@dataclasses.dataclass
class Rule:
    types: list
    paths: list
    kinds: set
    fields: list
    events: list
    row: str
    reason: str
    line: int
    used: int = 0

    def fits(self, one):
        return ((one.kind in self.kinds or one.apart and "apart" in self.kinds)
                and any_match(one.type, self.types) and any_match(one.path, self.paths)
                and (not self.fields or any(any_match(field, self.fields) for field in one.fields or ["-"]))
                and (not self.events or any_match(one.event, self.events)))


def any_match(text, patterns):
    return any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns)


def read_rules(path):
    rules = []
    with open(path, newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    if rows[0] != HEADER:
        raise ValueError(f"{path}: expected the columns {HEADER}")
    for number, row in enumerate(rows[1:], 2):
        if not row or row[0].startswith("#"):
            continue
        if len(row) != len(HEADER) or not row[4] or not row[5]:
            raise ValueError(f"{path}:{number}: six columns, the last two not empty")
        kinds = set(KINDS) if row[2] == "*" else set(row[2].split(","))
        if kinds - set(KINDS):
            raise ValueError(f"{path}:{number}: unknown kinds {kinds - set(KINDS)}")
        origin = row[3].split(",") if row[3] else []
        rules.append(Rule(row[0].split(","), row[1].split(","), kinds, [one for one in origin if "^" not in one],
                          [one for one in origin if "^" in one], row[4], row[5], number))
    return rules


def judge(deviations, rules):
    """Those that no rule justifies; counts on the rules."""
    open_ones = []
    for one in deviations:
        rule = next((rule for rule in rules if rule.fits(one)), None)
        if rule is None:
            open_ones.append(one)
        else:
            rule.used += 1
    return open_ones


def unknown_rows(rules, listed):
    """Rules that cite a field which HL7's table of the segment does not list; segments without a table pass."""
    segments = {field[:3] for field in listed}
    for rule in rules:
        for field in re.findall(r"\b[A-Z][A-Z0-9]{2}-\d+\b", rule.row):
            if field[:3] in segments and field not in listed:
                yield f"line {rule.line}: {field}"


def groups(deviations):
    """[(count, type, path, kind, an example of a message)], most frequent first."""
    counted = collections.defaultdict(list)
    for one in deviations:
        counted[one.type, one.path, one.kind].append(one)
    return sorted(((len(ones), *key, ones[0].name) for key, ones in counted.items()), reverse=True)


class Source:
    """Where the values of a message stand, and which of its fields HL7's tables map."""

    def __init__(self, text, mapped_fields, loose):
        self.mapped, self.loose = mapped_fields, loose
        self.places = collections.defaultdict(set)
        for line in re.split(r"[\r\n]+", text):
            name, shift = line[:3], 1 if line.startswith("MSH") else 0
            for number, field in enumerate(line.split(line[3:4] or "|")):
                if number:
                    for part in [field, *re.split(r"[~^&]", field), *re.split(r"~", field)]:
                        self.add(part, f"{name}-{number + shift}")

    def add(self, text, field):
        if not text:
            return
        self.places[self.loose(text)].add(field)
        if re.match(r"\d{4}", text):
            self.places[digits(text)].add(field)

    def find(self, value):
        text = self.loose(value)
        found = self.places.get(text, set())
        if re.match(r"\d{4}(-\d\d|$)", text):
            found = found | self.places.get(digits(str(value)), set())
        return frozenset(found)

    def origin(self, values):
        """The fields that have most of the values."""
        counts = collections.Counter(field for value in values for field in self.find(value))
        most = max(counts.values(), default=0)
        return frozenset(field for field, count in counts.items() if count == most)

    def kind(self, fields):
        return "made" if not fields else "lost" if fields & self.mapped else "outside"


def digits(text):
    """The local time without offset: 2026-01-02T03:04:00+01:00 and 20260102030400+0100 agree."""
    text = re.sub(r"[+-]\d\d:?\d\d$|Z$", "", text) if len(text) > 10 else text
    return "time " + re.sub(r"\D", "", text.split(".")[0])[:14].rstrip("0")
