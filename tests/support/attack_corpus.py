"""Resources of two patients, one of each type that may hold a patient's data; those of the victim carry SECRET."""
from attacks import SECRET


def coded(text):
    return {"coding": [{"system": "urn:t", "code": text}], "text": text}


def of_patient(prefix, secret):
    """`prefix` "a" or "b"; `secret` stands in texts that no search goes by."""
    who = {"reference": f"Patient/{prefix}-patient"}
    code = coded(f"{prefix}-code")
    at = "2026-01-02T03:04:05Z"
    day = "1944-04-04" if prefix == "b" else "1955-05-05"
    number = 4444.5 if prefix == "b" else 5555.5
    identifier = [{"system": "urn:t", "value": prefix.upper() + "1000"}]
    family = "Bvictim" if prefix == "b" else "Aggressor"
    note = [{"text": secret}]
    found = {
        "Patient": {"identifier": identifier, "name": [{"family": family, "given": [secret]}], "birthDate": day},
        "RelatedPerson": {"patient": who, "name": [{"family": family, "text": secret}], "identifier": identifier},
        "Encounter": {"status": "finished", "class": {"system": "urn:t", "code": f"{prefix}-code"}, "subject": who,
                      "identifier": identifier, "type": [{"text": secret}], "period": {"start": day}},
        "Observation": {"status": "final", "code": code, "subject": who, "effectiveDateTime": day, "note": note,
                        "valueQuantity": {"value": number}, "identifier": identifier, "performer": [who],
                        "encounter": {"reference": f"Encounter/{prefix}-encounter"}},
        "DiagnosticReport": {"status": "final", "code": code, "subject": who, "conclusion": secret,
                             "effectiveDateTime": day, "identifier": identifier,
                             "result": [{"reference": f"Observation/{prefix}-observation"}]},
        "Condition": {"code": code, "subject": who, "note": note, "asserter": who, "identifier": identifier,
                      "clinicalStatus": {"coding": [{"code": "active", "system":
                                         "http://terminology.hl7.org/CodeSystem/condition-clinical"}]}},
        "AllergyIntolerance": {"patient": who, "code": code, "note": note, "asserter": who, "clinicalStatus": {
            "coding": [{"code": "active", "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"}]}},
        "Appointment": {"status": "booked", "start": "2027-01-01T10:00:00Z", "end": "2027-01-01T11:00:00Z",
                        "comment": secret, "identifier": identifier,
                        "participant": [{"actor": who, "status": "accepted"}]},
        "QuestionnaireResponse": {"status": "completed", "subject": who, "author": who, "authored": at,
                                  "item": [{"linkId": "1", "answer": [{"valueString": secret}]}]},
        "Task": {"status": "requested", "intent": "order", "for": who, "description": secret, "code": code},
        "Flag": {"status": "active", "code": {**code, "text": secret}, "subject": who},
        "Binary": {"contentType": "text/plain", "data": "c2Vrcml0" if prefix == "b" else "b3du",
                   "securityContext": who},
        "DocumentReference": {"status": "current", "subject": who, "description": secret, "author": [who],
                              "identifier": identifier, "content": [{"attachment": {
                                  "contentType": "text/plain", "url": f"Binary/{prefix}-binary", "title": secret}}]},
        "List": {"status": "current", "mode": "working", "subject": who, "title": secret, "code": code},
        "Provenance": {"target": [who], "recorded": at, "agent": [{"who": who}], "policy": ["urn:" + secret]},
        "Procedure": {"status": "completed", "subject": who, "code": code, "note": note},
        "Immunization": {"status": "completed", "patient": who, "vaccineCode": code, "occurrenceDateTime": day,
                         "note": note},
        "MedicationRequest": {"status": "active", "intent": "order", "subject": who, "note": note,
                              "medicationCodeableConcept": code},
        "MedicationStatement": {"status": "active", "subject": who, "medicationCodeableConcept": code, "note": note,
                                "informationSource": who},
        "CarePlan": {"status": "active", "intent": "plan", "subject": who, "title": secret},
        "CareTeam": {"status": "active", "subject": who, "name": secret, "participant": [{"member": who}]},
        "Goal": {"lifecycleStatus": "active", "subject": who, "description": {"text": secret}},
        "Coverage": {"status": "active", "beneficiary": who, "subscriber": who, "payor": [who], "subscriberId": secret},
        "ServiceRequest": {"status": "active", "intent": "order", "subject": who, "code": code, "note": note},
        "Specimen": {"subject": who, "type": code, "note": note},
        "Communication": {"status": "completed", "subject": who, "recipient": [who], "note": note},
        "Consent": {"status": "active", "patient": who, "scope": code, "category": [code], "policyRule": {"text": secret}},
        "Media": {"status": "completed", "subject": who, "content": {"title": secret}, "note": note},
        "Composition": {"status": "final", "type": code, "subject": who, "date": at, "author": [who], "title": secret},
        "Account": {"status": "active", "subject": [who], "description": secret},
        "ImagingStudy": {"status": "available", "subject": who, "note": note},
        "DeviceRequest": {"intent": "order", "subject": who, "codeCodeableConcept": code, "note": note},
        "Device": {"patient": who, "note": note, "identifier": identifier},
        "Schedule": {"actor": [who], "comment": secret, "identifier": identifier},
        "Person": {"name": [{"family": family, "text": secret}], "link": [{"target": who}]},
        "Linkage": {"item": [{"type": "source", "resource": who}], "active": True},
        "Basic": {"code": code, "subject": who, "author": who},
        "AuditEvent": None,
    }
    return {name: {"resourceType": name, "id": f"{prefix}-{name.lower()}", **body}
            for name, body in found.items() if body}


A, B = {"reference": "Patient/a-patient"}, {"reference": "Patient/b-patient"}


def of_both():
    """What is about both, or about one and named by the other: the attacker sees his part of some of it."""
    group = [
        # He sees himself in these, and not that the other is there.
        {"resourceType": "Appointment", "id": "x-group", "status": "booked", "start": "2027-02-01T10:00:00Z",
         "end": "2027-02-01T11:00:00Z", "participant": [
             {"actor": A, "status": "accepted"},
             {"actor": {**B, "display": SECRET}, "status": "declined", "type": [{"text": SECRET}]}]},
        {"resourceType": "Group", "id": "x-group", "type": "person", "actual": True, "name": "Walking group",
         "member": [{"entity": A}, {"entity": {**B, "display": SECRET}}]},
        {"resourceType": "Condition", "id": "x-asserted", "subject": A, "asserter": {**B, "display": SECRET},
         "code": {"text": "seen by the other"}},
        {"resourceType": "Account", "id": "x-shared", "status": "active", "subject": [A, {**B, "display": SECRET}]},
        {"resourceType": "Observation", "id": "x-contained", "status": "final", "code": {"text": "x"}, "subject": A,
         "contained": [{"resourceType": "Patient", "id": "p", "name": [{"family": SECRET}]}], "performer": [
             {"reference": "#p"}]},
        {"resourceType": "Provenance", "id": "x-both", "target": [A, B], "recorded": "2026-01-02T03:04:05Z",
         "agent": [{"who": {"display": "a system"}}]},
    ]
    # About the other: nothing of it is his.
    hidden = [
        {"resourceType": "Observation", "id": "y-performed", "status": "final", "code": {"text": SECRET},
         "subject": B, "performer": [A]},
        {"resourceType": "AllergyIntolerance", "id": "y-asserted", "patient": B, "asserter": A, "code": {"text": SECRET}},
        {"resourceType": "DocumentReference", "id": "y-written", "status": "current", "subject": B, "author": [A],
         "content": [{"attachment": {"title": SECRET}}]},
        {"resourceType": "QuestionnaireResponse", "id": "y-answered", "status": "completed", "subject": B, "author": A,
         "item": [{"linkId": "1", "answer": [{"valueString": SECRET}]}]},
        {"resourceType": "Communication", "id": "y-sent", "status": "completed", "subject": B, "recipient": [A],
         "note": [{"text": SECRET}]},
        {"resourceType": "Coverage", "id": "y-paid", "status": "active", "beneficiary": B, "payor": [A],
         "policyHolder": A, "subscriberId": SECRET},
    ]
    return group, hidden


def messages(prefix, secret):
    """Of the hospital: an admission, a result, an appointment and a document."""
    mrn, day = prefix.upper() + "2000", "19440404" if prefix == "b" else "19550505"
    pid = f"PID|1||{mrn}^^^MAIN^MR||{'Bvictim' if prefix == 'b' else 'Aggressor'}^{secret}||{day}|F"
    head = "MSH|^~\\&|EHR|MAIN|CS|MAIN|20261129120000||{}|" + prefix + "{}|P|2.5.1"
    visit = f"PV1|1|I|WARD^1^1|||||||||||||||||{prefix}-visit"
    bodies = [
        ("ADT^A01^ADT_A01", ["EVN|A01|20261129120000", pid, visit, f"AL1|1|DA|{prefix}-code^{secret}|SV|{secret}",
                             f"DG1|1||{prefix}-code^{secret}|||A"]),
        ("ORU^R01^ORU_R01", [pid, visit, f"OBR|1|{prefix}-placer|{prefix}-filler|718-7^Hemoglobin^LN|||20261129110000"
                             "||||||||||||||||||F", f"OBX|1|ST|718-7^Hemoglobin^LN||{secret}||||||F", f"NTE|1||{secret}"]),
        ("SIU^S12^SIU_S12", [f"SCH|{prefix}-sch^S|{prefix}-sch^S|||||R^{secret}|FOLLOWUP|30|min|^^^20270316093000+0000"
                             "^20270316100000+0000||||||||||||||Booked", pid, "RGS|1|A", f"NTE|1||{secret}"]),
        ("MDM^T02^MDM_T02", ["EVN|T02|20261129120000", pid, visit, f"TXA|1|DS|TX|20261129110000||||||||{prefix}-doc||||"
                             "|AU", f"OBX|1|TX|18842-5^Summary^LN||{secret}||||||F"]),
    ]
    return ["\r".join([head.format(kind, n), *segments]) + "\r" for n, (kind, segments) in enumerate(bodies)]
