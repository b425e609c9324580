"""Bundles made comparable: a resource becomes leaves (path, value) without ids, order and furniture.

References become a description of what they lead to, list indexes go, dates and URLs of code systems are spelled one
way. `pair` finds for each expected resource the actual one of its type that shares most leaves.
"""
import collections
import dataclasses
import datetime
import re

IGNORED = {"id", "resourceType", "meta", "text.status", "text.div", "fullUrl"}
PLACEHOLDER = re.compile(r"example\.(com|org)")
# Spellings of one code system.
SYSTEMS = [
    (re.compile(r"^http://hl7\.org/fhir/v2/(\d{4})$"), r"http://terminology.hl7.org/CodeSystem/v2-\1"),
    (re.compile(r"^http://hl7\.org/fhir/v3/(\w+)$"), r"http://terminology.hl7.org/CodeSystem/v3-\1"),
    (re.compile(r"^(http://terminology\.hl7\.org/CodeSystem/v2-\d{4})/.*$"), r"\1"),
    (re.compile(r"^https://"), "http://"),
    (re.compile(r"/$"), ""),
]


@dataclasses.dataclass(frozen=True)
class Target:
    """Where a reference leads: equal if the types are and one of the names is shared (or one side has none)."""
    type: str
    names: frozenset

    def same(self, other):
        return self.type == other.type and (not self.names or not other.names or bool(self.names & other.names))

    def __str__(self):
        return "@" + self.type


@dataclasses.dataclass
class Resource:
    type: str
    leaves: list  # [(path, value, item)]; item: which entry of which list of the resource, None outside of lists
    source: dict

    def counter(self):
        return collections.Counter((path, loose(value)) for path, value, _ in self.leaves)

    def texts(self):
        return {loose(value) for _, value, _ in self.leaves}


def loose(value):
    """The form in which two leaves are looked up."""
    if isinstance(value, Target):
        return "@" + value.type
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"{value:g}" if value == value else ""
    text = re.sub(r"\s+", " ", value).strip()
    for pattern, new in SYSTEMS:
        text = pattern.sub(new, text)
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return f"{float(text):.10g}"
    match = re.fullmatch(r"(\d{4}(?:-\d\d(?:-\d\d)?)?)(?:T(\d\d:\d\d)(:\d\d)?(\.\d+)?(Z|[+-]\d\d:\d\d)?)?", text)
    if match:  # offsets are the channel's business, fractions and :00 are precision
        seconds = "" if match[3] in (None, ":00") else match[3]
        clock = "" if match[2] in (None, "00:00") and not seconds else "T" + match[2] + seconds
        return match[1] + clock
    return text.lower()


def index(bundle):
    """Every spelling of a reference -> the resource."""
    found = {}
    for entry in bundle.get("entry", []):
        resource = entry.get("resource") or {}
        if "resourceType" not in resource:
            continue
        for name in (entry.get("fullUrl"), f"{resource['resourceType']}/{resource.get('id')}"):
            if name:
                found[name] = resource
    return found


def names_of(resource):
    """What tells a resource from others of its type."""
    texts = []
    for one in as_list(resource.get("identifier")):
        texts.append(one.get("value"))
    for one in as_list(resource.get("name")):
        texts += [one.get("family"), one.get("text")] if isinstance(one, dict) else [one]
    for key in ("code", "type"):
        for concept in as_list(resource.get(key)):
            if isinstance(concept, dict):
                texts += [coding.get("code") for coding in concept.get("coding", [])] + [concept.get("text")]
    return frozenset(text.strip().lower() for text in texts if isinstance(text, str) and text.strip())


def as_list(value):
    return value if isinstance(value, list) else [] if value is None else [value]


def leaves_of(node, path, look, item=None):
    if isinstance(node, list):
        for number, one in enumerate(node):
            yield from leaves_of(one, path, look, item or (path, number))
    elif isinstance(node, dict):
        url = node.get("url") if path.endswith("xtension") else None
        if url and PLACEHOLDER.search(url):
            return
        if url:
            path += "(" + url.rstrip("/").split("/")[-1] + ")"
        for key, value in node.items():
            below = f"{path}.{key}" if path else key
            if key == "url" and url or below in IGNORED or key == "contained":
                continue
            if key == "reference" and isinstance(value, str):
                yield path, target_of(value, look), item
            else:
                yield from leaves_of(value, below, look, item)
    elif node is not None and not (isinstance(node, str) and (not node.strip() or PLACEHOLDER.search(node))):
        yield path, node, item


def target_of(reference, look):
    target = look(reference)
    if target:
        return Target(target["resourceType"], names_of(target))
    return Target(reference.split("/")[0] if "/" in reference else "?", frozenset())


def resources(bundle):
    """All resources of a Bundle, contained ones too."""
    found, by_name = [], index(bundle)
    for entry in bundle.get("entry", []):
        top = entry.get("resource") or {}
        inside = {"#" + one.get("id", ""): one for one in top.get("contained", [])}
        for resource in [top, *inside.values()]:
            if "resourceType" in resource:
                def look(name, inside=inside):
                    return inside.get(name) or by_name.get(name)
                found.append(Resource(resource["resourceType"], list(leaves_of(resource, "", look)), resource))
    return found


# Told apart by who or what they are: without a name in common two of them are not the same.
NAMED = {"Condition", "Device", "DiagnosticReport", "Location", "Observation", "Organization", "Practitioner",
         "PractitionerRole", "Procedure", "RelatedPerson"}


def pair(expected, actual):
    """[(expected, actual or None)]: the best overlaps first, each actual once; what is left may share one."""
    scores = []
    counters = [one.counter() for one in actual]
    for i, want in enumerate(expected):
        mine, names = want.counter(), names_of(want.source)
        for j, have in enumerate(counters):
            shared = sum((mine & have).values())
            if shared and (want.type not in NAMED or names & names_of(actual[j].source)):
                scores.append((shared, -abs(i - j), i, j))
    chosen, used = {}, set()
    for again in (False, True):
        for _, _, i, j in sorted(scores, reverse=True):
            if i not in chosen and (again or j not in used):
                chosen[i] = j
                used.add(j)
    return [(want, actual[chosen[i]] if i in chosen else None) for i, want in enumerate(expected)]


def missing(want, have):
    """Leaves of the expected resource that the actual one has not, each with what that has at the path."""
    pool = collections.defaultdict(list)
    for path, value, _ in have.leaves if have else []:
        pool[path].append(value)
    open_leaves = []
    for path, value, item in want.leaves:
        same = next((other for other in pool[path] if equal(value, other)), None)
        if same is None:
            open_leaves.append((path, value, item))
        else:
            pool[path].remove(same)
    return [(*leaf, pool[leaf[0]]) for leaf in open_leaves]


def equal(one, other):
    if isinstance(one, Target) or isinstance(other, Target):
        return isinstance(one, Target) and isinstance(other, Target) and one.same(other)
    return loose(one) == loose(other) or (instant(one) is not None and instant(one) == instant(other))


def instant(value):
    """A time with an offset as UTC, to the minute."""
    if not isinstance(value, str) or not re.match(r"\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)$", value):
        return None
    try:
        moment = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return None
    return moment.astimezone(datetime.timezone.utc).strftime("%Y%m%d%H%M")
