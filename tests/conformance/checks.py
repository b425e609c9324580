"""What no Bundle may have: references that lead nowhere, empty elements, placeholder URLs."""
import re

PLACEHOLDER = re.compile(r"^(https?://|urn:)?([\w.-]*\.)?(example\.(com|org|net)|localhost|your-?server|TODO)\b", re.I)


def walk(node, path=""):
    yield path, node
    if isinstance(node, dict):
        for key, value in node.items():
            yield from walk(value, f"{path}.{key}" if path else key)
    elif isinstance(node, list):
        for one in node:
            yield from walk(one, path)


def known_names(bundle):
    names = set()
    for entry in bundle["entry"]:
        resource = entry["resource"]
        names |= {entry.get("fullUrl"), f"{resource['resourceType']}/{resource.get('id')}"}
    return names


def faults(bundle, message_text):
    """[(kind, path)] of one Bundle; a placeholder that the sender wrote itself is data."""
    names, found = known_names(bundle), []
    for entry in bundle["entry"]:
        resource = entry["resource"]
        inside = {"#" + one.get("id", "") for one in resource.get("contained", [])}
        for path, node in walk(resource, resource["resourceType"]):
            if node in ("", [], {}) or node is None or isinstance(node, str) and not node.strip():
                found.append(("empty element", path))
            elif isinstance(node, str) and PLACEHOLDER.match(node) and node.split("//")[-1] not in message_text:
                found.append(("placeholder URL", path))
            elif isinstance(node, dict) and isinstance(node.get("reference"), str):
                if node["reference"] not in names | inside:
                    found.append(("dangling reference", path))
    return found
