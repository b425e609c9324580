"""Agreement with the Bundles that microsoft/FHIR-Converter makes of the same messages, leaf by leaf.

What it has and we have not (or differently) is a deviation; `microsoft/deviations.tsv` says which rules of HL7's
v2-to-FHIR tables justify it. Compared are the resource types that we make at all; a resource of theirs without any
counterpart deviates with every leaf.
"""
import collections
import dataclasses
import json
from pathlib import Path

import canonical
import corpus
import deviations

RULES = Path(__file__).parent / "microsoft" / "deviations.tsv"
STRICT = {"Patient", "Encounter", "Observation", "DiagnosticReport", "Appointment"}


@dataclasses.dataclass
class Agreement:
    messages: int
    leaves: collections.Counter      # by resource type
    deviating: collections.Counter
    unexplained: list
    rules: list

    def share(self):
        total = sum(self.leaves.values())
        return 1 - len(self.unexplained) / total if total else 1.0

    def strict(self):
        return [one for one in self.unexplained if one.type in STRICT]


def our_types(messages):
    return {one["resource"]["resourceType"] for m in messages if m.bundle for one in m.bundle["entry"]}


def compare(message, theirs, types, mapped_fields):
    """(leaves by type, deviations) of one message."""
    text = (corpus.folder() / message.name).read_text(encoding="utf-8", errors="replace")
    source = deviations.Source(text, mapped_fields, canonical.loose)
    mine, want = canonical.resources(message.bundle), canonical.resources(theirs)
    ours_all = Texts(mine)
    counts, found = collections.Counter(), []
    for kind in sorted({one.type for one in want} & types):
        pairs = canonical.pair([one for one in want if one.type == kind], [one for one in mine if one.type == kind])
        for resource, ours in pairs:
            counts[kind] += len(resource.leaves)
            found += deviations_of(resource, ours, ours_all, source, message.name, message.report["event"])
    return counts, found


class Texts:
    """All that our Bundle says; long texts also by their words (the parts of a place are one name)."""

    def __init__(self, resources):
        self.whole = {text for one in resources for text in one.texts()}
        self.words = {word for text in self.whole for word in text.split()} | {
            text for one in resources for leaf in one.leaves for text in parts(leaf)}

    def __contains__(self, text):
        return text in self.whole or text in self.words or bool(text) and all(w in self.words for w in text.split())


def parts(leaf):
    value = leaf[1]
    return [] if isinstance(value, canonical.Target) else canonical.loose(value).replace("+", " ").split(" / ")


def deviations_of(resource, ours, ours_all, source, name, event):
    own = ours.texts() if ours else set()
    items = collections.defaultdict(list)
    for _, value, item in resource.leaves:
        items[item].append(value)
    whole = source.origin(value for _, value, _ in resource.leaves)
    open_leaves = canonical.missing(resource, ours)
    open_codes = {(path, item) for path, _, item, _ in open_leaves if path.endswith("oding.code")}
    for path, value, item, others in open_leaves:
        text, fields = canonical.loose(value), source.find(value)
        around = source.origin(items[item]) if item else frozenset()
        if ours is None:
            around = around if around and len(items[item]) > 1 and resource.type not in canonical.NAMED else whole
        if isinstance(value, canonical.Target):
            kind = "ref"
        elif around and not around & source.mapped:
            kind = "outside"
        elif text in own:
            kind = "moved"
        elif text in ours_all:
            kind = "kept"
        else:
            kind = source.kind(fields)
        if kind == "made" and ours and path.endswith("oding.display") and (
                path.removesuffix("display") + "code", item) not in open_codes:
            continue  # the same code; a display that the peer adds is normalisation
        yield deviations.Deviation(resource.type, path, kind, str(value), [str(one) for one in others],
                                   around or fields, ours is None, name, event)


def measure(messages, mapped_fields):
    by_name = {one.name: one for one in messages}
    types = our_types(messages)
    result = Agreement(0, collections.Counter(), collections.Counter(), [], deviations.read_rules(RULES))
    for name, path in corpus.expected("microsoft").items():
        message = by_name.get(name)
        if message is None or message.bundle is None:
            continue
        counts, found = compare(message, json.loads(path.read_text()), types, mapped_fields)
        result.messages += 1
        result.leaves += counts
        result.deviating.update(one.type for one in found)
        result.unexplained += deviations.judge(found, result.rules)
    return result
