"""What an attacker would ask of the API, generated from its CapabilityStatement: every type, parameter, include and
operation, with the victim's ids and values. Each request that names the victim is asked a second time with ids and
values that nobody has: the two answers must be the same. Names: a-... is the attacker's, b-... the victim's, g-...
nobody's; what must never be shown carries SECRET."""
import http.client
import json
import re
import urllib.parse
from dataclasses import dataclass, field

SECRET = "sekrit"
SWAPS = {"b-": "g-", "Bvictim": "Gnobody", "1944-04-04": "1933-03-03", "4444.5": "3333.5", "B1000": "G1000"}
# A name begins: not in the middle of a word, unless that is an escaped character of a URL.
BEGIN = r"(?:(?<![A-Za-z0-9])|(?<=%2F)|(?<=%2C)|(?<=%3D)|(?<=%7C)|(?<=%3A))"
VOLATILE = [(re.compile(r"_page=[^\"&]*"), "_page"),
            (re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z"), "time"),
            (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "uuid")]


@dataclass
class Request:
    method: str
    path: str
    body: object = None  # dict, or text of a form
    headers: dict = field(default_factory=dict)

    def text(self):
        return urllib.parse.unquote_plus(json.dumps([self.path, self.body, self.headers]))

    def __str__(self):
        return f"{self.method} {self.path} {self.headers or ''} {json.dumps(self.body) if self.body else ''}"


@dataclass
class Answer:
    status: int
    headers: dict
    text: str


class Client:
    """One connection that stays, for one token."""

    def __init__(self, port, token, headers=None):
        self.port, self.connection = port, None
        self.headers = {"Authorization": "Bearer " + token, **(headers or {})}
        self.count = 0

    def close(self):
        if self.connection:
            self.connection.close()

    def ask(self, request):
        self.count += 1
        body, kind = request.body, "application/fhir+json"
        if isinstance(body, str):
            kind = "application/x-www-form-urlencoded"
        elif body is not None:
            body = json.dumps(body)
        headers = {"Content-Type": kind, **self.headers, **request.headers}
        for attempt in (1, 2):
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                self.connection.request(request.method, "/fhir/r4" + request.path, body and body.encode(), headers)
                answer = self.connection.getresponse()
                return Answer(answer.status, dict(answer.headers), answer.read().decode(errors="replace"))
            except (http.client.HTTPException, OSError):
                self.connection = None
                if attempt == 2:
                    raise


class Judge:
    """Finds what an answer tells of the victim. `ids`: of the victim's resources that nobody else names."""

    def __init__(self, ids, swaps=(), secret=SECRET):
        self.ids, self.secret = ids, secret
        self.swaps = {**SWAPS, **dict(swaps)}
        self.names = re.compile(BEGIN + "(" + "|".join(map(re.escape, self.swaps)) + ")")
        self.found = []
        self.statuses = {}

    def ghost(self, value):
        if isinstance(value, Request):
            return Request(value.method, self.ghost(value.path), self.ghost(value.body), self.ghost(value.headers))
        if isinstance(value, str):
            return self.names.sub(lambda found: self.swaps[found[1]], value)
        if value is None:
            return None
        return json.loads(self.ghost(json.dumps(value)))

    def _normal(self, answer):
        text = self.ghost(answer.text)
        for pattern, name in VOLATILE:
            text = pattern.sub(name, text)
        tags = {name: self.ghost(answer.headers[name]) for name in ("ETag", "Location", "Last-Modified", "Allow")
                if name in answer.headers}
        if "Last-Modified" in tags:
            tags["Last-Modified"] = "time"
        if "Location" in tags:
            tags["Location"] = VOLATILE[2][0].sub("uuid", tags["Location"])
        return answer.status, text, tags

    def attack(self, client, request):
        answer = client.ask(request)
        # A search of the audit shows the attacker's own accesses, with what he asked for, and grows all the time.
        if answer.status == 200 and re.match(r"/(Patient/a-patient/)?AuditEvent(\?|$|/_search)", request.path):
            if self.secret in answer.text:
                self.found.append(f"shows a secret: {request}")
            return answer
        self.look_for_leaks(request, answer.text + json.dumps(answer.headers), answer.status)
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        nobody = self.ghost(request)
        if nobody != request:
            other = client.ask(nobody)
            ours, theirs = self._normal(answer), self._normal(other)
            if ours != theirs:
                self.found.append(f"tells that it is there: {request}\n  {ours}\n  {theirs}"[:1500])
        return answer

    def look_for_leaks(self, request, text, status=0):
        if self.secret in text:
            at = text.index(self.secret)
            self.found.append(f"shows {text[max(0, at - 60):at + 40]!r} ({status}): {request}"[:600])
        said = request.text() if isinstance(request, Request) else str(request)
        for one in self.ids:
            if one in text and one not in said:
                at = text.index(one)
                self.found.append(f"names {text[max(0, at - 60):at + 60]!r} ({status}): {request}"[:600])
                break


def value_of(parameter, type_name):
    """The victim's value for a search parameter."""
    kind, name = parameter["type"], parameter["name"]
    if name == "_id":
        return f"b-{type_name.lower()}"
    if kind == "reference":
        return "Patient/b-patient"
    if kind == "date":
        return "ge2001-01-01" if name == "_lastUpdated" else "1944-04-04"
    return {"string": "Bvictim", "uri": "urn:b-uri", "number": "4444.5", "quantity": "4444.5",
            "composite": "b-code$4444.5"}.get(kind, "B1000" if name == "identifier" else "b-code")


MODIFIERS = {"string": [":exact", ":contains", ":missing"], "token": [":not", ":missing", ":text", ":of-type"],
             "reference": [":missing", ":Patient", ":identifier", ".identifier", ".name", ":Patient.family"],
             "date": [":missing"], "uri": [":below"]}


def form(**parameters):
    return urllib.parse.urlencode(parameters)


def searches(capability):
    """Of one type: by each parameter, with modifiers and chains, by GET and POST, in compartments, with includes."""
    name = capability["type"]
    for parameter in capability.get("searchParam", []):
        value = value_of(parameter, name)
        code = parameter["name"]
        yield Request("GET", f"/{name}?{form(**{code: value})}")
        yield Request("POST", f"/{name}/_search", form(**{code: value}))
        for modifier in MODIFIERS.get(parameter["type"], []):
            said = "false" if modifier == ":missing" else "B1000" if "identifier" in modifier else value
            yield Request("GET", f"/{name}?{form(**{code + modifier: said})}")
        if parameter["type"] == "reference":
            for target in ("b-patient", "Group/b-group", "Encounter/b-encounter", "Appointment/b-appointment",
                           "RelatedPerson/b-relatedperson", "Patient/a-patient,Patient/b-patient"):
                yield Request("GET", f"/{name}?{form(**{code: target})}")
    for include in capability.get("searchInclude", []):
        yield Request("GET", f"/{name}?{form(_include=include, _count=50)}")
    yield Request("GET", f"/{name}?{form(**{'_include:iterate': name + ':subject'})}")
    for include in capability.get("searchRevInclude", []):
        yield Request("GET", f"/{name}?{form(_revinclude=include)}")
    own = f"b-{name.lower()},a-{name.lower()}"
    for more in ({"_id": own}, {"_id": own, "_total": "accurate"}, {"_count": "0"}, {"_summary": "count"},
                 {"_total": "accurate"}, {"_filter": "name eq Bvictim"}, {"_content": "Bvictim"}, {"_text": "Bvictim"},
                 {"_query": "b-query"}, {"_list": "b-list"}, {"_has:Observation:subject:code": "b-code"},
                 {"_has:Group:member:_id": "b-group"}, {"_elements": "id"}, {"_security": "b-code"}, {"_tag": "b-code"},
                 {"_sort": "-_lastUpdated"}, {"_lastUpdated": "gt2001-01-01"}, {"_contained": "true"}):
        yield Request("GET", f"/{name}?{form(**more)}")
    yield Request("GET", f"/Patient/b-patient/{name}")
    yield Request("GET", f"/Patient/b-patient/{name}?_total=accurate")
    yield Request("POST", f"/Patient/b-patient/{name}/_search", form(_total="accurate"))
    yield Request("GET", f"/Patient/a-patient/{name}?_total=accurate")


def reads(name, instance):
    path = f"/{name}/{instance}"
    for tail in ("", "/_history", "/_history/1", "/_history/2", "?_pretty=true", "/_history?_count=1"):
        yield Request("GET", path + tail)
    yield Request("HEAD", path)
    yield Request("GET", path, headers={"If-None-Match": 'W/"1"'})
    yield Request("GET", path, headers={"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"})
    yield Request("GET", path, headers={"Range": "bytes=0-10", "Accept": "*/*"})
    yield Request("OPTIONS", path)


def writes(name, instance, body):
    """`body`: a resource of the attacker's, valid."""
    path = f"/{name}/{instance}"
    named = {**body, "id": instance}
    theirs = json.loads(json.dumps(named).replace("a-patient", "b-patient"))
    for one in (named, theirs):
        yield Request("PUT", path, one)
        yield Request("PUT", path, one, {"If-Match": 'W/"1"'})
        yield Request("PUT", path, one, {"If-Match": "*"})
        yield Request("PUT", path, one, {"If-Match": 'W/"99"', "Prefer": "return=OperationOutcome"})
    fresh = {key: value for key, value in body.items() if key != "id"}
    for condition in ("identifier=urn:t|B1000", "_id=" + instance, "patient=Patient/b-patient",
                      "subject=Patient/b-patient", "_lastUpdated=gt2001-01-01&_tag=b-code"):
        yield Request("POST", f"/{name}", {**fresh, "language": "b-x"}, {"If-None-Exist": condition})
    yield Request("POST", f"/{name}", {key: value for key, value in theirs.items() if key != "id"})
    for condition in ("identifier=urn:t|B1000", "_id=" + instance):
        yield Request("PUT", f"/{name}?{condition}", named)
        yield Request("DELETE", f"/{name}?{condition}")
        yield Request("PATCH", f"/{name}?{condition}", [{"op": "test", "path": "/id", "value": instance}],
                      {"Content-Type": "application/json-patch+json"})
    patched = {"Content-Type": "application/json-patch+json"}
    for patch in ([{"op": "test", "path": "/id", "value": instance}], [{"op": "test", "path": "/id", "value": "none"}],
                  [{"op": "remove", "path": "/none"}], [{"op": "add", "path": "/language", "value": "de"}],
                  [{"op": "replace", "path": "", "value": theirs}], [{"op": "replace", "path": "", "value": named}],
                  [{"op": "copy", "from": "/id", "path": "/text"}]):
        for more in ({}, {"If-Match": 'W/"1"'}, {"If-Match": 'W/"99"', "Prefer": "return=OperationOutcome"}):
            yield Request("PATCH", path, patch, {**patched, **more})
    yield Request("DELETE", path, headers={"If-Match": 'W/"1"'})
    yield Request("DELETE", path)


def system_level(types):
    for path in ("/?_id=b-patient", "/?_type=Patient,Observation", "/_search?_id=b-patient", "/_history",
                 "/?patient=Patient/b-patient", "/Patient/b-patient/*", "/Patient/b-patient/$everything",
                 "/Encounter/b-encounter/Observation", "/$export", "/Patient/$export", "/Group/b-group/$export"):
        yield Request("GET", path)
        yield Request("POST", path, "_id=b-patient")
    for kind in ("batch", "transaction"):
        for name in types:
            entries = [{"request": {"method": "GET", "url": url}} for url in
                       (f"{name}/b-{name.lower()}", f"{name}?patient=b-patient", f"{name}/b-{name.lower()}/_history")]
            entries.append({"request": {"method": "DELETE", "url": f"{name}/b-{name.lower()}"}})
            yield Request("POST", "", {"resourceType": "Bundle", "type": kind, "entry": entries})


ARGUMENTS = {"patient": "Patient/b-patient", "slot": "Slot/b-slot", "appointment": "Appointment/b-appointment",
             "schedule": "Schedule/b-schedule", "practitioner": "b-practitioner", "location": "b-location",
             "id": "b-subscription", "status": "active", "code": "B1000-B1000", "relatedPerson":
             "RelatedPerson/b-relatedperson", "link": "1", "kind": "carer", "eventsSinceNumber": "1",
             "content": "full-resource", "response": "QuestionnaireResponse/b-questionnaireresponse",
             "comment": "b-comment", "service-type": "b-code"}


def parameters(**values):
    return {"resourceType": "Parameters", "parameter": [
        {"name": name, "valueReference": {"reference": value}} if "/" in value else {"name": name, "valueString": value}
        for name, value in values.items()]}


def operations(capability, system):
    """Every operation at every level, with the victim's ids in each parameter alone and in all."""
    where = [("", operation["name"]) for operation in system]
    for one in capability:
        for operation in one.get("operation", []):
            name = one["type"]
            where += [(f"/{name}", operation["name"]), (f"/{name}/b-{name.lower()}", operation["name"]),
                      (f"/{name}/a-{name.lower()}", operation["name"])]
    for path, operation in where:
        yield Request("GET", f"{path}/${operation}")
        yield Request("POST", f"{path}/${operation}", parameters())
        for key, value in ARGUMENTS.items():
            yield Request("GET", f"{path}/${operation}?{form(**{key: value})}")
            yield Request("POST", f"{path}/${operation}", parameters(**{key: value}))
        yield Request("POST", f"{path}/${operation}", parameters(slot="Slot/b-slot", patient="Patient/b-patient"))
        yield Request("POST", f"{path}/${operation}", parameters(slot="Slot/s-slot", patient="Patient/b-patient"))
