#!/usr/bin/env python3
"""Bookings that an EHR has to confirm, while carestreamd is killed: no slot is given twice or lost, and every
booking ends as the EHR said, or is visibly unclear.

The EHR (tests/support/ehr.py) takes, refuses or passes over in silence what it is asked for, by chance. Each
round `--clients` apps race for `--slots` slots, in every `--kill-every`th the daemon is killed (-9) in the
middle; then half of what is booked is cancelled, which the EHR takes, refuses or passes over likewise.

Checked after each half, by reading, once nothing is under way: a slot is busy if and only if one booking
holds it, free if none does; a booking is `booked` or `cancelled` only if the EHR took that, `compensated`
only if it refused it, else `ambiguous`; nothing was sent twice. Of what the EHR took, no more is unclear than
the daemon was killed.
The defaults take half a minute; more: tests/fault/bookings_ehr.py --clients 200 --slots 40 --rounds 20
"""
import argparse
import json
import os
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from bookings import Client, find, make_config, race  # noqa: E402
from daemon import Daemon  # noqa: E402
from ehr import Answer, Ehr, field  # noqa: E402

CHANNEL = """channel: bookings-to-ehr
system: ehr
source: {{topic: [appointment-request]}}
destination: {{mllp: {{connect_to: "127.0.0.1:{port}", ack_timeout: 500ms}}}}
retry: {{first: 50ms, max: 100ms}}
on_ambiguous: flag
render:
  event: SIU^S12
  events:
    - {{when: "_tag=urn:carestream:booking-request|cancel", event: SIU^S15}}
  receiving_application: EHR
"""
ANSWERS = {"taken": Answer("AA"), "refused": Answer("AE"), "silent": Answer(drop=True)}
HOLDING = {"held", "pending", "booked", "rescheduling", "cancelling", "ambiguous"}
UNDER_WAY = {"held", "pending", "rescheduling", "cancelling"}


class Decisions:
    """What the EHR said to each request, by appointment and trigger event."""

    def __init__(self):
        self.said, self.lock = {}, threading.Lock()

    def choose(self, message):
        kind = random.choices(["taken", "refused", "silent"], [7, 2, 1])[0]
        key = (field(message, "SCH", 1).split("^")[0], field(message, "MSH", 9).split("^")[1])
        with self.lock:
            self.said.setdefault(key, []).append(kind)
        return ANSWERS[kind]

    def of(self, appointment, trigger):
        with self.lock:
            return list(self.said.get((appointment, trigger), []))


def bookings(daemon, *more):
    told = daemon.cli("bookings", "--json", "--limit", "9999", *more, check=False)
    return json.loads(told.stdout)["bookings"] if told.returncode == 0 else None


def settle(daemon, timeout_s=60):
    """The bookings, once none is under way."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = bookings(daemon)  # those that are not over; nothing while it starts again
        if found is None:
            assert time.monotonic() < deadline, "the daemon does not answer"
            time.sleep(0.2)
            continue
        if not any(one["state"] in UNDER_WAY for one in found):
            return found + bookings(daemon, "--status", "compensated") + bookings(daemon, "--status", "cancelled")
        if time.monotonic() > deadline:
            raise RuntimeError("under way for ever: " + ", ".join(
                f"{one['appointment']} {one['state']}" for one in found if one["state"] in UNDER_WAY))
        time.sleep(0.1)


def mistakes_in(daemon, slots, found, decisions):
    mistakes = []
    for slot in slots:
        holders = [one for one in found if one["slot"]["id"] == slot and one["state"] in HOLDING]
        status = daemon.get(f"Slot/{slot}")[2]["status"]
        if len(holders) > 1:
            mistakes.append(f"{slot}: {len(holders)} bookings hold it")
        if status != ("busy" if holders else "free"):
            mistakes.append(f"{slot}: is {status}, {len(holders)} bookings hold it")
    for one in found:
        state, booked, cancelled = one["state"], *(decisions.of(one["appointment"], t) for t in ("S12", "S15"))
        if len(booked) > 1 or len(cancelled) > 1:
            mistakes.append(f"{one['appointment']}: sent twice")
        said = {"booked": booked == ["taken"] and cancelled in ([], ["refused"]),
                "compensated": booked == ["refused"], "cancelled": cancelled == ["taken"],
                "ambiguous": True}.get(state, False)
        if not said:
            mistakes.append(f"{one['appointment']}: {state}, and the EHR said {booked} and {cancelled}")
    return mistakes


def unexplained(found, decisions):
    """Unclear ones that the EHR answered: the daemon was killed before it heard that."""
    return [one for one in found if one["state"] == "ambiguous" and
            (decisions.of(one["appointment"], "S15") or decisions.of(one["appointment"], "S12")) in ([], ["taken"])]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=30)
    parser.add_argument("--slots", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--kill-every", type=int, default=2)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    print(f"seed {arguments.seed}")
    days = arguments.slots * arguments.rounds // 288 + 3
    decisions, mistakes, kills = Decisions(), [], 0
    with tempfile.TemporaryDirectory() as temporary, Ehr() as ehr:
        os.chmod(temporary, 0o755)
        ehr.choose = decisions.choose
        config = make_config(Path(temporary), days)
        config.write_text(config.read_text() + "scheduling: {destination: bookings-to-ehr, confirm: ack}\n")
        (Path(temporary) / "channels" / "bookings-to-ehr.yaml").write_text(CHANNEL.format(port=ehr.port))
        with Daemon(config=config) as daemon:
            daemon.request("PUT", "Location/race", {"resourceType": "Location", "id": "race"})
            clients = [Client(daemon, n) for n in range(arguments.clients)]
            for client in clients:
                status, _, body = daemon.request("PUT", f"Patient/{client.patient}", {
                    "resourceType": "Patient", "id": client.patient, "name": [{"family": "Bench"}],
                    "identifier": [{"system": "urn:carestream:authority:MAIN", "value": client.patient}]})
                assert status in (200, 201), body
            daemon.wait_for("Slot", count=1, status="free", timeout_s=60)
            start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
            deadline = time.monotonic() + 300
            while True:
                try:
                    all_slots = find(daemon, arguments.slots * arguments.rounds, start)
                    break
                except RuntimeError:
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.5)
            for number in range(1, arguments.rounds + 1):
                slots = all_slots[(number - 1) * arguments.slots:number * arguments.slots]
                random.shuffle(clients)
                threads, _ = race(clients, [slots[i % len(slots)] for i in range(len(clients))], number)

                def kill():
                    time.sleep(random.uniform(0.0, 0.6))
                    daemon.kill()
                    daemon.start()

                if number % arguments.kill_every == 0:
                    kill()
                    kills += 1
                for thread in threads:
                    thread.join()
                found = settle(daemon)
                wrong = mistakes_in(daemon, slots, found, decisions)
                mine = [one for one in found if one["slot"]["id"] in slots and one["state"] == "booked"]
                for one in random.sample(mine, len(mine) // 2):
                    status, body = clients[0].post(f"/{one['appointment']}/$cancel", {"reason": "changed"})
                    assert status == 200, body
                if number % arguments.kill_every == 0:
                    kill()
                    kills += 1
                found = settle(daemon)
                wrong += mistakes_in(daemon, slots, found, decisions)
                unclear = unexplained(found, decisions)
                if len(unclear) > kills:
                    wrong += [f"{one['appointment']}: unclear, though the EHR took it" for one in unclear]
                mistakes += wrong
                print(f"round {number}: {len(wrong)} mistakes", flush=True)
                for text in wrong[:10]:
                    print("  " + text)
            states = {}
            for one in found:
                states[one["state"]] = states.get(one["state"], 0) + 1
    print(f"{', '.join(f'{count} {state}' for state, count in sorted(states.items()))}; {kills} kills, "
          f"{len(ehr.received)} requests, {len(mistakes)} mistakes")
    return 1 if mistakes or len(states) < 3 else 0


if __name__ == "__main__":
    sys.exit(main())
