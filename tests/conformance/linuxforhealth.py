"""Facts that the unit tests of LinuxForHealth/hl7v2-fhir-converter assert about the same messages.

A line of a facts file is `path op value`, read mechanically from Java. A fact resolves if its path begins at a resource
type and its value is a literal, and if it was not read from a test whose messages are put together at run time (static).
The facts of a test method are about all of its messages without saying which: one that fulfils it is enough. So are one
resource of several of the type and any entry of a list; counts must be equal. `linuxforhealth/deviations.tsv` justifies
facts that do not hold; its kinds here: value, present, absent, count.
"""
import csv
import dataclasses
import re
from pathlib import Path

import canonical
import corpus
import deviations

RULES = Path(__file__).parent / "linuxforhealth" / "deviations.tsv"
KINDS = {"isEqualTo": "value", "hasToString": "value", "contains": "value", "containsIgnoringCase": "value",
         "containsPattern": "value", "isEqualByComparingTo": "value", "containsExactly": "value", "isTrue": "present",
         "isNotNull": "present", "isNotBlank": "present", "isNotEmpty": "present", "isNull": "absent",
         "isEmpty": "absent", "isFalse": "absent", "hasSize": "count", "isZero": "count"}
TYPES = {"Account", "AllergyIntolerance", "Appointment", "Bundle", "Condition", "Coverage", "Device", "DiagnosticReport",
         "DocumentReference", "Encounter", "Immunization", "Location", "Medication", "MedicationAdministration",
         "MedicationRequest", "MessageHeader", "Observation", "Organization", "Patient", "Practitioner",
         "PractitionerRole", "Procedure", "RelatedPerson", "ServiceRequest", "Specimen"}
HELPER = re.compile(r"^(?:\w+Utils)\.create(\w+?)FromHl7Segment\(ftv,(\w+)\.?")


@dataclasses.dataclass
class Fact:
    type: str
    steps: list   # names of elements below the resource
    kind: str
    op: str
    value: object
    raw: str      # the path with its indexes

    @property
    def path(self):
        return ".".join(self.steps)


@dataclasses.dataclass
class Agreement:
    facts: int = 0
    unresolved: int = 0
    true: int = 0
    unexplained: list = dataclasses.field(default_factory=list)
    rules: list = dataclasses.field(default_factory=list)

    def share(self):
        return 1 - len(self.unexplained) / self.facts if self.facts else 1.0


def literal(text):
    """The value of a Java literal; None: not one."""
    if re.fullmatch(r'"[^"]*"', text):
        return text[1:-1]
    number = re.fullmatch(r'(?:new BigDecimal\(")?(-?\d+(?:\.\d+)?)(?:"\))?f?', text)
    if number:
        return float(number[1])
    if text in ("true", "false"):
        return text
    enum = re.fullmatch(r"(?:\w+\.)+([A-Z][A-Z_]+)", text)
    return enum[1].lower().replace("_", "-") if enum else None


def fact_of(path, op, value, types):
    kind, raw = KINDS.get(op), re.sub(r"\?(has|is)$", "", path)
    if kind is None:
        return None
    path = HELPER.sub(lambda found: found[1] + ".", path)
    whole = path.endswith("?has") or path.endswith("?is")
    path = re.sub(r"\?(has|is)$", "", path)
    if path.endswith(".count") and op in ("isEqualTo", "isZero"):
        path, kind = path.removesuffix(".count"), "count"
    path = re.sub(r"\[\d+\]|\.get\(\d+\)", "", path).rstrip(".")
    name, *steps = path.split(".")
    steps = [re.sub(r"(FirstRep|Element|_)$", "", step) for step in steps]
    resource = name if name in types else name[:-1] if name.endswith("s") and name[:-1] in types else None
    if resource is None or not all(re.fullmatch(r"[a-z]\w*", step) for step in steps):
        return None
    if kind in ("value", "count"):
        value = 0.0 if op == "isZero" else literal(value)
        if value is None or kind == "count" and not isinstance(value, float):
            return None
    if kind == "present" and not whole and op == "isTrue":   # a boolean element that is true
        kind, value = "value", "true"
    if kind == "absent" and not whole and op == "isFalse":
        kind, value = "value", "false"
    return Fact(resource, steps, kind, op, value, raw)


def children(node, name):
    """The element of that name; Java's getValue() is any of value[x], or a primitive's own."""
    name = re.sub(r"^(\w+(?:String|DateTime|Boolean|Integer|Date))Type$|^(\w+)AsSingleString$", r"\1\2", name)
    if not isinstance(node, dict):
        return [node] if name in ("value", "code", "valueAsString") else []
    if name in node:
        return canonical.as_list(node[name])
    choice = [value for key, value in node.items() if re.fullmatch(re.escape(name) + "[A-Z]\\w*", key)]
    return [one for value in choice for one in canonical.as_list(value)]


def follow(resource, steps):
    nodes = [resource]
    for step in steps:
        nodes = [below for node in nodes for below in children(node, step)]
    return nodes


def plain(value):
    """One spelling of authorities, dates, numbers."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return f"{value:g}"
    text = re.sub(r"^urn:(id:|carestream:(authority|coding-system):)", "authority ", str(value), flags=re.I)
    return canonical.loose(text.replace("_", " ").replace("%20", " "))


def fits(fact, value):
    if isinstance(value, (dict, list)):
        return False
    mine, theirs = plain(value), plain(fact.value)
    if fact.op == "containsPattern":
        return re.search(str(fact.value), str(value)) is not None
    if fact.op.startswith("contains"):
        return theirs in mine or theirs.split("t")[0] in mine
    return mine == theirs or canonical.equal(str(value), str(fact.value))


def holds(fact, resources):
    ours = [one.source for one in resources if one.type == fact.type]
    if fact.kind == "count" and not fact.steps:
        return len(ours) == fact.value
    reached = [follow(one, fact.steps) for one in ours]
    if fact.kind == "count":
        return any(len(nodes) == fact.value for nodes in reached) or not ours and fact.value == 0
    if fact.kind == "absent":
        return not ours or any(not nodes for nodes in reached)
    if fact.kind == "present":
        return any(reached)
    return any(fits(fact, node) for nodes in reached for node in nodes)


def contradicted(facts):
    """Paths of which the facts of one test say different things: they are of several messages, not known which."""
    there, values = {}, {}
    for fact in facts:
        if fact is not None:
            place = (fact.type, fact.raw)
            there.setdefault(place, set()).add(fact.kind == "absent")
            if fact.kind in ("value", "count"):
                values.setdefault((place, fact.op), set()).add(fact.value)
    return ({place for place, sayings in there.items() if len(sayings) > 1}
            | {place for (place, _), said in values.items() if len(said) > 1})


def read_facts(path):
    """(test method, rows) of a file."""
    with open(path, newline="") as file:
        rows = [row for row in csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if row]
    method = rows[0][0].removeprefix("# ").split(" ")[0]
    return method, [row + [""] * (3 - len(row)) for row in rows[2:] if row[0]]


def facts_of(path):
    """[Fact or None] of a file; of methods with several subjects in one message nothing resolves."""
    method, rows = read_facts(path)
    if method.endswith("#static"):
        return [None for _ in rows]
    subjects = {found[2] for row in rows if (found := HELPER.match(row[0]))}
    return [None if len(subjects) > 1 and HELPER.match(row[0]) else fact_of(*row[:3], TYPES) for row in rows]


def bundles_of_methods(messages, files):
    """{test method: [the resources of each of its messages]}"""
    by_name, found = {one.name: one for one in messages}, {}
    for name, path in files.items():
        if name in by_name and by_name[name].bundle is not None:
            found.setdefault(read_facts(path)[0], []).append(canonical.resources(by_name[name].bundle))
    return found


def measure(messages, mapped_fields):
    result = Agreement(rules=deviations.read_rules(RULES))
    files = corpus.expected("linuxforhealth")
    by_name, methods, found = {one.name: one for one in messages}, bundles_of_methods(messages, files), []
    for name, path in files.items():
        message = by_name.get(name)
        if message is None or message.bundle is None:
            continue
        alternatives = methods[read_facts(path)[0]]
        text = (corpus.folder() / name).read_text(encoding="utf-8", errors="replace")
        source = deviations.Source(text, mapped_fields, canonical.loose)
        facts = facts_of(path)
        unclear = contradicted(facts)
        for fact in facts:
            true = fact is not None and any(holds(fact, resources) for resources in alternatives)
            if fact is None or not true and (fact.type, fact.raw) in unclear:
                result.unresolved += 1
                continue
            result.facts += 1
            if true:
                result.true += 1
            else:
                found.append(deviation(fact, message, alternatives[0], source))
    result.unexplained = deviations.judge(found, result.rules)
    return result


def deviation(fact, message, resources, source):
    fields = source.find(fact.value) if isinstance(fact.value, str) else frozenset()
    return deviations.Deviation(fact.type, fact.path, fact.kind, f"{fact.op} {fact.value}", [], fields,
                                not any(one.type == fact.type for one in resources), message.name,
                                message.report["event"])
