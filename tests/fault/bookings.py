#!/usr/bin/env python3
"""Many clients race for few slots while carestreamd is killed: nobody is booked twice, nothing is lost.

Each round offers `--slots` fresh slots to `--clients` clients, the same number for each slot, each for a
patient of its own. A client repeats its request with its idempotency key until it gets an answer, over
whatever restarts lie between. In every `--kill-every`th round the daemon is killed (-9) in the middle.
Then half of those who were booked cancel, and the others of the slot race again.

Checked after each round, by reading: every slot is busy with exactly one Appointment that is not
cancelled, that of the one client who was told so; every other client was told 409; no booking is left in
between. The defaults take seconds; the full size:
  tests/fault/bookings.py --clients 500 --slots 100 --rounds 50 --kill-every 5
"""
import argparse
import http.client
import json
import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from daemon import HOME, Daemon  # noqa: E402

SCHEDULE = """schedule: race
title: Race
location: race
time_zone: Europe/Berlin
slot_minutes: 5
horizon_days: {days}
hours:
  - {{days: [mon, tue, wed, thu, fri, sat, sun], from: "00:00", to: "24:00"}}
"""
ACTIVE = {"proposed", "pending", "booked"}


def make_config(folder, days):
    """A daemon without channels, with the shipped mappings and one schedule."""
    mappings = folder / "mappings"
    mappings.mkdir()
    for entry in (HOME / "mappings").iterdir():
        if entry.name != "schedules":
            (mappings / entry.name).symlink_to(entry)
    (mappings / "schedules").mkdir()
    (mappings / "schedules" / "race.yaml").write_text(SCHEDULE.format(days=days))
    (folder / "channels").mkdir()
    config = folder / "carestream.yaml"
    config.write_text("channels: channels\nmappings: mappings\nstate: \"${env:CARESTREAM_STATE}\"\n")
    return config


class Client:
    """One patient's app, on one connection; it repeats a request until it has an answer."""

    def __init__(self, daemon, number):
        self.daemon, self.patient, self.connection = daemon, f"p{number}", None
        self.repeated = 0

    def post(self, path, parameters):
        body = json.dumps({"resourceType": "Parameters", "parameter": [
            {"name": name, "valueString": value} for name, value in parameters.items()]})
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection("127.0.0.1", self.daemon.fhir_port, timeout=60)
                self.connection.request("POST", "/fhir/r4/Appointment" + path, body,
                                        {"Content-Type": "application/fhir+json"})
                answer = self.connection.getresponse()
                content = answer.read()
                if answer.status < 500:
                    return answer.status, json.loads(content)
            except (OSError, http.client.HTTPException):
                self.connection = None
            self.repeated += 1
            time.sleep(0.05 + 0.2 * random.random())
        raise RuntimeError("no answer within five minutes")

    def book(self, slot, key):
        status, body = self.post("/$book", {"slot": slot, "patient": self.patient, "idempotency-key": key})
        return (body["id"] if status in (200, 201) else None), status


def race(clients, slots_of, round_number, times=1):
    """(client, slot, appointment, status) of everybody; all start at once."""
    results, start = [], threading.Barrier(len(clients))

    def run(client, slot):
        start.wait()
        for _ in range(times):  # who repeats gets the same answer
            appointment, status = client.book(slot, f"r{round_number}")
        results.append((client, slot, appointment, status))

    threads = [threading.Thread(target=run, args=(c, s)) for c, s in zip(clients, slots_of)]
    for thread in threads:
        thread.start()
    return threads, results


def matches(daemon, path, **parameters):
    status, _, bundle = daemon.get(path, **parameters)
    assert status == 200, bundle
    return [entry["resource"] for entry in bundle.get("entry", []) if entry["search"]["mode"] == "match"]


def find(daemon, count, start=None):
    """The next free slots, from the first that begins in an hour on."""
    slots = []
    while len(slots) < count:
        query = {"_count": min(200, count - len(slots))}
        if start:
            query["start"] = start
        found = matches(daemon, "Appointment/$find", **query)
        if not found:
            raise RuntimeError(f"only {len(slots)} free slots")
        for proposal in found:
            slot = proposal["slot"][0]["reference"].split("/")[1]
            if slot not in slots:
                slots.append(slot)
        start = found[-1]["end"]
    return slots[:count]


def check(daemon, slots, results):
    """Mistakes, as text."""
    mistakes = []
    won = {}
    for client, slot, appointment, status in results:
        if appointment:
            won.setdefault(slot, []).append((client, appointment))
        elif status != 409:
            mistakes.append(f"{slot}: answered {status}")
    for slot in slots:
        active = [a for a in matches(daemon, "Appointment", slot=f"Slot/{slot}", _count=50)
                  if a["status"] in ACTIVE]
        status = daemon.get(f"Slot/{slot}")[2]["status"]
        winners = won.get(slot, [])
        if len(active) != 1 or len(winners) != 1:
            mistakes.append(f"{slot}: {len(active)} appointments, {len(winners)} clients were told so")
        elif active[0]["id"] != winners[0][1]:
            mistakes.append(f"{slot}: another client was told so")
        if status != "busy":
            mistakes.append(f"{slot}: is {status}")
    return mistakes


def in_between(daemon):
    """Bookings that are neither booked nor settled."""
    answer = json.loads(daemon.cli("bookings", "--json", "--limit", "9999").stdout)
    return [b for b in answer["bookings"] if b["state"] != "booked"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=60)
    parser.add_argument("--slots", type=int, default=12)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--kill-every", type=int, default=2)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    print(f"seed {arguments.seed}")
    days = arguments.slots * arguments.rounds // 288 + 3
    kills, mistakes, booked, cancelled, took = 0, [], 0, 0, []
    with tempfile.TemporaryDirectory() as temporary:
        os.chmod(temporary, 0o755)
        with Daemon(config=make_config(Path(temporary), days)) as daemon:
            daemon.request("PUT", "Location/race", {"resourceType": "Location", "id": "race"})
            clients = [Client(daemon, n) for n in range(arguments.clients)]
            for client in clients:
                status, _, body = daemon.request("PUT", f"Patient/{client.patient}",
                                                 {"resourceType": "Patient", "id": client.patient})
                assert status in (200, 201), body
            daemon.wait_for("Slot", count=1, status="free", timeout_s=60)
            wanted = arguments.slots * arguments.rounds
            deadline = time.monotonic() + 300
            while True:
                try:
                    all_slots = find(daemon, wanted, time.strftime(
                        "%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600)))
                    break
                except RuntimeError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.5)
            for number in range(1, arguments.rounds + 1):
                slots = all_slots[(number - 1) * arguments.slots:number * arguments.slots]
                random.shuffle(clients)
                began = time.monotonic()
                threads, results = race(clients, [slots[i % len(slots)] for i in range(len(clients))], number)
                if number % arguments.kill_every == 0:
                    time.sleep(random.uniform(0.0, 0.4))
                    daemon.kill()
                    kills += 1
                    daemon.start()
                for thread in threads:
                    thread.join()
                took.append(time.monotonic() - began)
                found = check(daemon, slots, results)
                # Half of them cancel, and the losers of their slots try again.
                winners = [(c, s, a) for c, s, a, _ in results if a]
                gone = random.sample(winners, len(winners) // 2)
                for client, _, appointment in gone:
                    status, body = client.post(f"/{appointment}/$cancel", {"reason": "changed"})
                    assert status == 200, body
                lost = {slot for _, slot, _ in gone}
                again = [(c, s) for c, s, a, _ in results if not a and s in lost]
                threads, second = race([c for c, _ in again], [s for _, s in again], f"{number}b", times=2)
                for thread in threads:
                    thread.join()
                still = [r for r in results if r[2] and r[1] not in lost]
                found += check(daemon, slots, second + still)
                found += [f"{b['appointment']} is {b['state']}" for b in in_between(daemon)]
                mistakes += found
                booked += len(winners) + sum(1 for r in second if r[2])
                cancelled += len(gone)
                print(f"round {number}: {took[-1]:.1f} s, {len(found)} mistakes", flush=True)
                for text in found[:10]:
                    print("  " + text)
    print(f"{booked} booked, {cancelled} cancelled, {kills} kills, "
          f"{sum(c.repeated for c in clients)} requests repeated, median round {sorted(took)[len(took) // 2]:.1f} s, "
          f"{len(mistakes)} mistakes")
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
