#!/usr/bin/env python3
"""A day in the clinic for a person to take part in: the patient page, with a hospital behind it that answers.
Started by `tools/run --day`; everything lies in temporary folders and is gone at the end."""
import argparse
import signal
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from clinic_site import ClinicSite, matches  # noqa: E402
from ehr import Answer, field  # noqa: E402

JANE = ("100", "Roe^Jane")
OTHERS = [("200", "Sample^Ben", "V-200"), ("300", "Demo^Cora", "V-300")]
KINDS = {"S12": "a booking", "S15": "a cancellation", "R01": "a symptom report"}


class Day:
    def __init__(self, site, pause_s):
        self.site, self.pause_s = site, pause_s
        self.bookings = 0
        self.ended = threading.Event()
        site.ehr.on_message = self.answer

    def say(self, text):
        print(f"  {time.strftime('%H:%M:%S')}  {text}", flush=True)

    def rest(self, times=1):
        """False: the day is over."""
        return not self.ended.wait(self.pause_s * times)

    def answer(self, message):
        kind = field(message, "MSH", 9).split("^")[1]
        self.say(f"The EHR has {KINDS.get(kind, kind)} and thinks about it ...")
        if kind == "S12":
            self.bookings += 1
            if self.bookings % 2:      # the next one is refused
                self.site.ehr.next(Answer("AE", error="ERR|||207^Application error^HL70357|E"))
        self.rest()
        refused = kind == "S12" and self.bookings > 1 and self.bookings % 2 == 0
        self.say("... and refuses it (AE)." if refused else "... and accepts it (AA).")

    def find(self, search):
        return matches(self.site.staff_request("GET", search))

    def wait(self, search, holds=lambda one: True):
        """The first match for which that holds; None: the day is over."""
        while not self.ended.is_set():
            for one in self.find(search):
                if holds(one):
                    return one
            self.ended.wait(0.5)
        return None

    def morning(self):
        """What is known of Jane before; the one who logs in is linked to her by this code."""
        jane = self.site.register(*JANE)
        for days_ago, value in ((90, "13.9"), (60, "13.4"), (30, "12.6")):
            self.site.result(*JANE, value, order=f"L{days_ago}", days_ago=days_ago)
        for mrn, name, _ in OTHERS:
            self.site.register(mrn, name)
        return jane, self.site.link_code(jane)

    def waiting_room(self, jane):
        if not self.wait(f"Appointment?patient={jane}&status=booked"):
            return
        self.say("Two others are registered at the desk. Check in at your appointment: you are third in line.")
        for mrn, name, visit in OTHERS:
            self.site.visit("A04", mrn, name, visit)
        mine = self.wait(f"Encounter?patient={jane}&status=arrived")
        for mrn, name, visit in OTHERS if mine else []:
            if not self.rest(3):
                return
            self.say("The next one is called: you move up.")
            self.site.visit("A02", mrn, name, visit, "CLIN1^ROOM1^^MAIN")
        for step in ("in-progress", "finished") if mine else []:
            if not self.rest(3):
                return
            self.say("You are called." if step == "in-progress" else "Your visit is over.")
            current = self.site.staff_request("GET", f"Encounter/{mine['id']}")[2]
            self.site.put(f"Encounter/{mine['id']}", {**current, "status": step})

    def results(self, jane):
        if not self.wait("Subscription?status=active"):
            return
        if self.rest(6):
            self.say("The laboratory sends a result: it appears by itself.")
            self.site.result(*JANE, "11.2", order="L1")
        if self.rest(10):
            self.say("The laboratory corrects it.")
            self.site.result(*JANE, "12.1", order="L1", status="C")

    def red_flags(self, jane):
        flag = self.wait(f"Flag?patient={jane}&status=active")
        if flag:
            self.say(f"The clinic sees a red flag: {flag['code']['text']}.")

    def play(self, jane):
        """Each part waits for what the person does, in whatever order."""
        def part(run):
            try:
                run(jane)
            except OSError:
                if not self.ended.is_set():
                    raise
        return [threading.Thread(target=part, args=(run,)) for run in (self.waiting_room, self.results, self.red_flags)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8080, help="of the patient page")
    parser.add_argument("--pause", type=float, default=3, help="seconds that the hospital takes for a step")
    options = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with ClinicSite(accounts=("ann",), fhir_port=options.port) as site:
        day = Day(site, options.pause)
        day.ended = ended
        jane, code = day.morning()
        print(f"""
A day in the clinic. You are the patient Jane Roe.

  1. Open {site.page} and log in as ann (any password).
  2. The clinic gave you this code: {code}
  3. Book a free time. Book a second one: the hospital refuses it, and you see what becomes of it.
  4. Check in at the first one and look at the waiting room.
  5. Look at the results; a new one comes by itself, and is corrected later.
  6. Report symptoms. Say that your chest hurts, and see what the page tells you and what becomes of the report.

Ctrl-C ends the day. What the hospital does:
""", flush=True)
        parts = day.play(jane)
        for part in parts:
            part.start()
        ended.wait()
        site.ehr.on_message = None
        for part in parts:
            part.join()
    print("The day is over; nothing of it is left.")


if __name__ == "__main__":
    main()
