"""What the scripts about HL7's v2-to-FHIR tables share: the tables as they are, a reviewed list of their misprints
(v2_to_fhir_repairs.tsv), their conditions, messages that fulfil them, and paths into what the engine makes of those."""
import csv
import fnmatch
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = 77  # for ctest
HEADER = {9: "", 10: "", 11: "P", 12: "2.8", 7: "20260102030405+0000", 3: "EHR", 4: "MAIN"}
STATES = ("holds", "deviates", "not computable", "missing")

SAMPLES = {
    "ST": "text", "TX": "text", "FT": "text", "SI": "1", "NM": "5", "ID": "C1", "IS": "C1", "DTM": "20260102030405+0000",
    "TS": "20260102030405+0000", "DT": "20260102", "TM": "0304", "CX": "X1^^^AUTH", "EI": "E1^AUTH",
    "HD": "NS^1.2.3^ISO", "XPN": "Doe^Jane^Q^Jr^Dr", "XAD": "1 Main St^^Town^ST^12345^USA^H",
    "XTN": "^^PH^^^555^1234567", "XCN": "D1^Smith^Anna^^^^^^AUTH", "XON": "Org^^O1^^^AUTH", "PL": "W^R^B^FAC",
    "DR": "20260101^20260102", "DLD": "home^20260102", "DLN": "L1^ST^20300101", "PT": "P^T", "SN": "^5^:^8", "NR": "1^5",
    "CP": "10^UP", "MO": "10^USD", "CQ": "5^mg", "EIP": "P1&A^F1&B", "NDL": "N1&Smith&Anna^20260102", "JCC": "c^d",
    "CNN": "N1^Smith^Anna", "SPS": "BLD^^^ARM", "FN": "Doe", "MSG": "ADT^A01^ADT_A01", "VID": "2.5.1", "FC": "F^20260101",
    "CE": "C1^Text^L", "CWE": "C1^Text^L", "CNE": "C1^Text^L", "CF": "C1^Text^L", "TQ": "1^Q1D^^20260102030405+0000",
    "PRL": "C1^1^text", "OG": "1", "ED": "S^TEXT^plain^Base64^YWJj", "RP": "P^S^TEXT^plain", "RPT": "BID", "PLN": "N1^NPI",
    "VR": "1^5", "NA": "1^2",
}
# note(Annotation.text): no resource behind it.
DATA_TYPES = {"Annotation", "Identifier", "CodeableConcept", "Coding", "Quantity", "ContactPoint", "Period"}


def tables_folder():
    return Path(os.environ.get("CARESTREAM_SHARED", ROOT.parent / "shared")) / "v2-to-fhir"


def csv_rows(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        for row in list(csv.reader(file))[2:]:
            row += [""] * (19 - len(row))
            yield [cell.strip() for cell in row]


def one_line(text):
    return re.sub(r"\s+", " ", text).strip()


class Repairs:
    """Misprints of HL7's tables: of a map (* = any) and field (* = any) what a cell (condition, target, constant) says and what it
    means. No misprints are `needs`, what else must stand in a message for the row of that target to have any meaning, and `sample`, a
    value that its field can have."""

    def __init__(self, path=Path(__file__).with_name("v2_to_fhir_repairs.tsv")):
        with open(path, newline="") as file:
            self.rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]
        self.used = set()

    def __call__(self, map_name, field, cell, says):
        for i, (where, at, what, text, means, *_) in enumerate(self.rows):
            if what == cell and fnmatch.fnmatch(map_name, where) and at in ("*", field) and text in ("*", one_line(says)):
                self.used.add(i)
                return means
        return says if cell not in ("needs", "sample") else ""

    def unused(self, of_messages):
        """Repairs of nothing: of message tables (ORU_R01, or a statement), or of the others."""
        return [row for i, row in enumerate(self.rows)
                if i not in self.used and of_messages == ("_" in row[0] or row[2] == "statement")]


class Vocabulary:
    def __init__(self, folder):
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
            if row[0] and row[6] and not row[3] and "<" not in row[0]:
                return row[0], row[6]
        return None


# --- conditions -----------------------------------------------------------------------------------------------------
TOKEN = re.compile(r"""\s*(?:(?P<paren>[()])|"(?P<text>[^"]*)"|(?P<count>(?:LST\.)?COUNT\b)|(?P<less><=|>=|[<>])|(?P<equal>=)
    |(?P<path>[A-Z][A-Z0-9]{1,2}[-.]\d+(?:\.\d+)*\b)|(?P<number>\d+)|(?P<comma>,)|(?P<word>[A-Za-z]+))""", re.X | re.I)
SEGMENT = re.compile(r"^(PID|ORC|MSH|OBX|OBR|PV1)$")


def tokens_of(text):
    text = text.replace("“", '"').replace("”", '"').replace("'", '"')
    tokens, at = [], 0
    text = text.strip()
    while at < len(text):
        found = TOKEN.match(text, at)
        if not found:
            raise ValueError(text[at:])
        kind = found.lastgroup
        value = found[kind]
        if kind == "word":
            value = value.upper()
            if SEGMENT.match(value):
                kind = "path"
        tokens.append((kind, value))
        at = found.end()
    return tokens


class Condition:
    """A condition of HL7's tables, read tolerantly (spelling of operators, letter case, repeated IF), as alternatives:
    each a list of (path, kind, value) with kind in = ! * "" count length. `good` is False where it is not understood."""

    def __init__(self, text, here):
        self.here, self.good, self.alternatives = here, True, [[]]
        try:
            self.tokens = [t for t in tokens_of(text) if t[0] == "text" or t[1] not in ("IF", "ARE")]
            self.at = 0
            self.last = here
            self.alternatives = self.either()
            if self.peek() == "ERROR":  # documented: without the value the message stops
                self.at += 1
            if self.at < len(self.tokens):
                raise ValueError(str(self.tokens[self.at]))
        except (ValueError, IndexError) as problem:
            self.good, self.why = False, str(problem)

    def peek(self, ahead=0):
        kind, value = self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else ("", None)
        return None if kind == "text" else value

    def kind(self):
        return self.tokens[self.at][0] if self.at < len(self.tokens) else None

    def either(self):
        result = self.both()
        while self.peek() == "OR":
            self.at += 1
            result = result + self.both()
        return result

    def both(self):
        result = self.one()
        while self.peek() == "AND":
            self.at += 1
            more = self.one()
            result = [a + b for a in result for b in more]
        return result

    def one(self):
        if self.peek() == "(":
            self.at += 1
            result = self.either()
            if self.peek() != ")":
                raise ValueError("a bracket is not closed")
            self.at += 1
            return result
        if self.peek() == "NOT" and self.peek(1) == "(":
            self.at += 1
            return opposite(self.one())
        return self.atom()

    def atom(self):
        """PID-7 VALUED; NOT IN ("A", "B") of the field named last; "A AND B VALUED" says the same of both."""
        paths, joint = [], None
        if self.kind() == "path":
            paths.append(self.take())
            while self.peek() in ("AND", "OR") and self.tokens[self.at + 1][0] == "path":
                joint = self.take()
                paths.append(self.take())
            self.last = paths[-1]
        kind, value = self.operation()
        wants = [(path, kind, value) for path in paths or [self.last]]
        return [wants] if joint == "AND" else [[want] for want in wants]

    def take(self):
        self.at += 1
        return self.tokens[self.at - 1][1]

    def operation(self):
        if self.kind() == "count":
            self.at += 1
            return "count", self.comparison()
        if self.peek() == "LENGTH":
            self.at += 1
            return "length", self.comparison()
        if self.peek() == "DOES" and self.peek(1) == "NOT" and self.peek(2) == "EXIST":
            self.at += 3
            return "", None
        no = False
        while self.peek() in ("IS", "NOT", "EQUALS", "EQUAL", "TO", "IN", "="):
            no = no or self.peek() == "NOT"
            self.at += 1
        if self.peek() in ("VALUED", "EMPTY"):
            no = no != (self.take() == "EMPTY")
            return ("" if no else "*"), None
        if self.kind() == "path" and self.at:
            return ("!=" if no else "=="), self.take()
        values = self.values()
        return ("!" if no else "="), values

    def comparison(self):
        words = []
        while self.kind() in ("word", "less", "equal"):
            words.append(self.take())
        number = int(self.take())
        text = " ".join(words)
        if "LESS" in text or "<" in text:
            return "max", number if "EQUAL" in text or "=" in text else number - 1
        if "GREATER" in text or ">" in text:
            return "min", number if "EQUAL" in text or "=" in text else number + 1
        return "is", number

    def values(self):
        if self.kind() == "text":
            return [self.take()]
        if self.peek() != "(":
            raise ValueError(f"a value expected, not {self.peek()}")
        self.at += 1
        values = []
        while self.peek() != ")":
            if self.kind() == "comma":
                self.at += 1
            elif self.kind() == "text":
                values.append(self.take())
            else:
                raise ValueError(f"a value expected, not {self.peek()}")
        self.at += 1
        return values


def opposite(alternatives):
    result = [[]]
    for alternative in alternatives:
        turned = []
        for path, kind, value in alternative:
            turn = {"=": "!", "!": "=", "*": "", "": "*", "==": "!=", "!=": "=="}.get(kind)
            if turn is None:
                raise ValueError("no opposite of " + kind)
            turned.append((path, turn, value))
        result = [a + [b] for a in result for b in turned]
    return result


# --- messages -------------------------------------------------------------------------------------------------------
class Message:
    def __init__(self, kind, order, minimum, always):
        self.type, self.order, self.minimum = kind, order, minimum
        self.segments, self.header = {}, {}
        for name in always:
            self.add(name)

    def add(self, segment):
        if segment != "MSH":
            self.segments.setdefault(segment, dict(self.minimum.get(segment, {})))

    def put(self, path, value):
        """PID-3, PID-3.1, PID-3.4.2; PID alone is the segment."""
        found = re.match(r"^([A-Z][A-Z0-9]{2})(?:-(\d+)(?:\[\d\])?(?:\.(\d+))?(?:\.(\d+))?)?$", path)
        if not found:
            return False
        segment = found[1]
        self.add(segment)
        if found[2] is None:
            if value == "":
                self.segments.pop(segment, None)
            return True
        fields, field = self.header if segment == "MSH" else self.segments[segment], int(found[2])
        if found[3] is None:
            fields[field] = value
            return True
        component = int(found[3]) - 1
        parts = padded(fields.get(field, "").split("^"), component)
        if found[4] is None:
            parts[component] = value
        else:
            inner = padded(parts[component].split("&"), int(found[4]) - 1)
            inner[int(found[4]) - 1] = value
            parts[component] = "&".join(inner)
        fields[field] = "^".join(parts)
        return True

    def get(self, path):
        found = re.match(r"^([A-Z][A-Z0-9]{2})-(\d+)(?:\.(\d+))?(?:\.(\d+))?$", path)
        if not found:
            return ""
        fields = self.header if found[1] == "MSH" else self.segments.get(found[1], {})
        text = fields.get(int(found[2]), "").split("~")[0]
        for number, mark in ((found[3], "^"), (found[4], "&")):
            if number:
                parts = padded(text.split(mark), int(number) - 1)
                text = parts[int(number) - 1]
        return text

    def fulfil(self, alternative, own, place, types):
        """Puts what the condition asks for; False if it cannot."""
        for path, kind, value in alternative:
            path = place(path)
            if kind == "*":
                if not self.get(path) and (path == own or "-" not in path or not self.get(own).startswith("~")):
                    self.put(path, sample_of(types.get(path, ""), "&" if path.count(".") else "^"))
            elif kind == "":
                self.put(path, "")
            elif kind == "=":
                if self.get(path).split("^")[0] not in value:
                    self.put(path if "." in path or "^" not in self.get(path) else path + ".1", value[0])
            elif kind == "!":
                if self.get(path).split("^")[0] in value or path != own and not self.get(path):
                    self.put(path, next(c for c in ("C1", "C2", "C3") if c not in value))
            elif kind == "count":
                one = self.get(path) or sample_of(types.get(path, ""), "^")
                least = {"min": value[1], "is": value[1], "max": 1}[value[0]]
                self.put(path, "~".join([one] + [another(one, i) for i in range(1, least)]))
            elif kind in ("==", "!="):
                self.put(value, self.get(path) if kind == "==" else "C9")
        return True

    def text(self, number):
        header = dict(HEADER)
        header.update({9: self.type, 10: f"R{number}"})
        header.update(self.header)
        lines = ["MSH|^~\\&|" + "|".join(header.get(i, "") for i in range(3, max(header) + 1))]
        for name in self.order:
            if name in self.segments:
                fields = self.segments[name]
                lines.append(name + "|" + "|".join(fields.get(i, "") for i in range(1, max(fields, default=1) + 1)))
        return "\r".join(lines) + "\r"


def padded(parts, index):
    return parts + [""] * (index + 1 - len(parts))


def another(sample, number):
    """Another repetition: what tells it apart is its first letter or digit run."""
    return re.sub(r"[A-Za-z0-9]+", lambda found: found[0] + str(number), sample, count=1)


def sample_of(kind, mark):
    sample = SAMPLES.get(kind, "X1")
    return sample.replace("^", mark) if mark != "^" else sample


def field_types(folder):
    return {cells[1]: cells[3] for path in (folder / "segments").glob("*.csv") for cells in csv_rows(path) if cells[3]}


# --- what came out --------------------------------------------------------------------------------------------------
def steps_of(target):
    """participant[1].individual(Practitioner.name) -> [(name, type or None)]"""
    target = re.sub(r"\[[^\]]*\]", "", target.split("=")[0]).replace(" ", "")
    steps = []
    while target:
        found = re.match(r"([A-Za-z0-9_$-]+)(?:\(([A-Za-z|]+)(?:\.([^()]*(?:\([^()]*\))?[^()]*))?\))?\.?", target)
        if not found or not found[0]:
            return None
        steps.append((found[1], found[2]))
        if found[3]:
            inner = steps_of(found[3])
            if inner is None:
                return None
            steps += inner
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
            primitive = value[0] if isinstance(value, list) and value else value
            if isinstance(one, dict) and not isinstance(primitive, dict) and "_" + name in one and (name, kind) != steps[-1]:
                value = one["_" + name]
            reached += value if isinstance(value, list) else [] if value is None else [value]
        if kind and kind not in DATA_TYPES:
            reached = [bundle.get(r["reference"]) or contained(node, r["reference"]) for r in reached
                       if isinstance(r, dict) and "reference" in r]
            reached = [r for r in reached if r and r["resourceType"] in kind.split("|")]
        nodes = reached
    return nodes


def contained(node, reference):
    for one in node.get("contained", []) if isinstance(node, dict) else []:
        if "#" + one.get("id", "") == reference:
            return one
    return None


def texts_in(node):
    if isinstance(node, dict):
        return [text for value in node.values() for text in texts_in(value)]
    if isinstance(node, list):
        return [text for value in node for text in texts_in(value)]
    return [str(node).lower() if isinstance(node, bool) else str(node)]


def referred(values, bundle, depth):
    """The resources that the values refer to, and those that these refer to."""
    found = []
    for value in values if depth else []:
        if isinstance(value, dict):
            resource = bundle.get(value.get("reference")) if "reference" in value else None
            inner = [resource] if resource else [v for one in value.values() for v in (one if isinstance(one, list) else [one])]
            found += ([resource] if resource else []) + referred(inner, bundle, depth - 1)
    return found


def map_all(messages):
    """{index: {fullUrl: resource}} of what the engine makes of them; what it refuses is left out."""
    binary = Path(os.environ.get("CARESTREAM_BIN", ROOT / "build/bin")) / "carestream"
    stream = "".join(message.text(i) for i, message in enumerate(messages))
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
    if messages and not answers:
        sys.exit(f"{binary} mapped nothing: {done.stderr[:2000]}")
    return answers


# --- the generated tables -------------------------------------------------------------------------------------------
class Table:
    """A generated table: a line for each row of HL7's; its last two columns, `ours` (where the value lies here, checked like the
    row itself) and the reason, are written by people and kept."""

    def __init__(self, path, keys):
        self.path, self.keys, self.lines = path, keys, {}
        if path.exists():
            with open(path, newline="") as file:
                for cells in list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]:
                    self.lines[tuple(cells[:len(keys)])] = [*cells[len(keys):], "", "", ""][:3]

    def known(self, key):
        """(state, ours, reason)"""
        return self.lines.get(key, ["unknown", "", ""])

    def write(self, rows):
        with open(self.path, "w", newline="") as file:
            out = csv.writer(file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None)
            out.writerow([*self.keys, "state", "ours", "reason"])
            for row in rows:
                _, ours, reason = self.known(row.key)
                out.writerow([*row.key, row.state, *(["", ""] if row.state == "holds" else [ours, reason])])

    def differences(self, rows):
        for row in rows:
            state = self.known(row.key)[0]
            if state != row.state:
                yield f"{' '.join(row.key)}: {state} in the table, now: {row.state} {row.why}"
        for key in set(self.lines) - {row.key for row in rows}:
            yield f"{' '.join(key)}: no such row in HL7's tables"


def decide(row, holds, elsewhere, why, known):
    """The state of a row from what was found: at HL7's path, at ours, and what people say of it."""
    _, ours, reason = known
    row.why, row.elsewhere_too = why, bool(ours and elsewhere)
    if holds:
        row.state = "holds"
    elif ours and not elsewhere:
        row.state, row.why = "missing", f"nothing at {ours} either"
    elif reason.startswith("deviates: "):
        row.state = "deviates"
    elif reason.startswith("not computable: "):
        row.state = "not computable"
    else:
        row.state = "missing"


def sums(rows, name):
    count = {state: sum(row.state == state for row in rows) for state in STATES}
    computable = len(rows) - count["not computable"]
    elsewhere = sum(row.state == "deviates" and row.elsewhere_too for row in rows)
    share = [f"{100 * n / max(computable, 1):.1f} %" for n in (
        count["holds"], count["holds"] + elsewhere, count["holds"] + count["deviates"])]
    return (f"{name}: {len(rows)} rows; " + ", ".join(f"{n} {state}" for state, n in count.items())
            + f"; of the {computable} computable {share[0]} hold, with the {elsewhere} whose value was found elsewhere {share[1]}"
            + f" (goal 95), with all deviations {share[2]}")


def main(description, load, verify, table, list_rows, extra=None):
    """The command line of a script: check (default), --write, --list."""
    import argparse
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("maps", nargs="*", help="only these: PV1, PID-Patient")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    folder = tables_folder()
    if not folder.is_dir():
        print("skipped: no folder", folder)
        return SKIPPED
    repairs = Repairs()
    rows = load(folder, repairs)
    rows = [row for row in rows if not arguments.maps or any(row.key[0].startswith(one) for one in arguments.maps)]
    verify(rows, folder, table, repairs)
    if arguments.list:
        list_rows(rows)
    elif arguments.write and not arguments.maps:
        table.write(rows)
    found = [] if arguments.list or arguments.write else list(table.differences(rows)) if not arguments.maps else []
    for line in found:
        print(line)
    print(sums(rows, table.path.name))
    if extra and not arguments.maps:
        extra(rows, folder, repairs)
    return 1 if found else 0
