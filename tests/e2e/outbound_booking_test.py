#!/usr/bin/env python3
"""Goal: what happens here reaches the EHR and does not come back as news; senders hear what became of their
messages. Method: a real daemon, an EHR that echoes."""
import sys
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from daemon import MllpLink, ack_code  # noqa: E402
from ehr import Ehr, field  # noqa: E402
from outbound_site import BOOKING, Site, adt  # noqa: E402


class Bookings(unittest.TestCase):
    def book(self, site, patient, **more):
        status, _, made = site.daemon.request("POST", "Appointment", {
            "resourceType": "Appointment", "status": "booked", "start": "2026-05-04T09:00:00Z",
            "end": "2026-05-04T09:30:00Z", "participant": [
                {"actor": {"reference": f"Patient/{patient}"}, "status": "accepted"}], **more})
        self.assertEqual(status, 201, made)
        return made["id"]

    def test_an_echo_updates_the_same_appointment_and_sends_nothing(self):
        with Ehr() as ehr, Site(booking=BOOKING.format(name="booking", port=ehr.port)) as site:
            site.send(adt("P1"))
            patient = site.daemon.wait_for("Patient", identifier="100")["entry"][0]["resource"]["id"]
            link = MllpLink(site.feed_port)

            def echo(message):
                # What an EHR does: the same appointment, with a number of its own.
                lines = []
                for line in message.rstrip("\r").split("\r"):
                    fields = line.split("|")
                    if line.startswith("MSH"):
                        fields[2:6] = ["EHR", "MAIN", "CARESTREAM", ""]
                        fields[9] = "ECHO" + fields[9][-8:]
                    if line.startswith("SCH"):
                        fields[2] = "E-77^EHR"
                    lines.append("|".join(fields))
                self.assertEqual(ack_code(link.send("\r".join(lines) + "\r")), "AA")

            ehr.on_message = echo
            appointment = self.book(site, patient)
            message = ehr.wait(1)[0]
            self.assertEqual(field(message, "MSH", 9), "SIU^S12^SIU_S12")
            self.assertEqual(field(message, "MSH", 5), "EHR")
            self.assertEqual(field(message, "SCH", 1), f"{appointment}^CARESTREAM")
            self.assertEqual(field(message, "PID", 3).split("^")[0], "100")
            echoed = site.daemon.wait_for("Appointment", identifier="E-77", timeout_s=20)["entry"][0]["resource"]
            self.assertEqual(echoed["id"], appointment)
            self.assertEqual(len(site.daemon.get("Appointment")[2]["entry"]), 1)
            # A cancellation on our side goes out as such; its echo ends it again.
            _, _, current = site.daemon.get(f"Appointment/{appointment}")
            status, _, _ = site.daemon.request("PUT", f"Appointment/{appointment}", {**current, "status": "cancelled"})
            self.assertEqual(status, 200)
            ehr.wait(2)
            self.assertEqual(field(ehr.received[1], "MSH", 9).split("^")[1], "S15")
            self.assertEqual(field(ehr.received[1], "SCH", 2), "E-77^EHR")
            site.wait(0)
            time.sleep(1)
            self.assertEqual(len(ehr.received), 2)
            self.assertEqual(len(site.outbound("acked")), 2)
            link.close()

    def test_what_cannot_be_made_is_a_dead_letter_and_is_made_again(self):
        with Ehr() as ehr, Site(booking=BOOKING.format(name="booking", port=ehr.port)) as site:
            site.send(adt("P1"))
            known = site.daemon.wait_for("Patient", identifier="100")["entry"][0]["resource"]["id"]
            _, _, unknown = site.daemon.request("POST", "Patient", {
                "resourceType": "Patient", "name": [{"family": "Doe"}]})
            self.book(site, known, status="proposed")     # none is made of it
            self.book(site, unknown["id"])                # PID-3 is required, and there is no identifier
            self.book(site, known)
            ehr.wait(1)
            dead = site.wait(1)[0]
            self.assertEqual(dead["state"], "nacked")
            self.assertTrue(dead["path"].startswith("Patient.identifier"), dead)
            self.assertIn("needed for PID-3", dead["reason"])
            deadline = time.monotonic() + 10
            while "booking: 1 refused" not in site.daemon.cli("status").stdout:
                self.assertLess(time.monotonic(), deadline)
            still = site.daemon.cli("outbound", "replay", dead["number"], check=False)
            self.assertIn("can still not be made", still.stderr)
            status, _, _ = site.daemon.request("PUT", f"Patient/{unknown['id']}", {
                **unknown, "identifier": [{"system": "urn:carestream:authority:MAIN", "value": "900"}]})
            self.assertEqual(status, 200)
            site.daemon.cli("outbound", "replay", dead["number"])
            ehr.wait(2)
            self.assertEqual(field(ehr.received[1], "PID", 3).split("^")[0], "900")
            site.wait(0)

    def test_a_channel_that_is_gone_leaves_its_queue_and_comes_back_without_old_news(self):
        with Ehr() as ehr, Site(booking=BOOKING.format(name="booking", port=ehr.port)) as site:
            site.send(adt("P1"))
            patient = site.daemon.wait_for("Patient", identifier="100")["entry"][0]["resource"]["id"]
            ehr.down()
            self.book(site, patient)
            site.wait(1)
            text = (site.channels / "booking.yaml").read_text()
            (site.channels / "booking.yaml").unlink()
            self.assertIn("booking: removed, its queue stays", site.daemon.cli("reload").stdout)
            deadline = time.monotonic() + 10
            while "orphaned, in line 1" not in site.daemon.cli("status").stdout and time.monotonic() < deadline:
                time.sleep(0.2)
            self.assertIn("orphaned, in line 1", site.daemon.cli("status").stdout)
            self.book(site, patient)
            ehr.up()
            site.write("booking", text)
            site.daemon.cli("reload")
            self.book(site, patient)
            ehr.wait(2)
            site.wait(0)
            time.sleep(0.5)
            self.assertEqual(len(ehr.received), 2)


class Acknowledgments(unittest.TestCase):
    def test_senders_in_enhanced_mode_hear_of_the_outcome_by_a_message_of_its_own(self):
        with Ehr() as ehr:
            text = ("channel: acks\nsource: {acknowledgments_of: feed}\n"
                    f"destination: {{mllp: {{connect_to: \"127.0.0.1:{ehr.port}\"}}}}\n")
            with Site(acks=text) as site:
                link = MllpLink(site.feed_port)

                def enhanced(control_id, modes, patient="100^^^MAIN^MR"):
                    fields = adt(control_id).split("\r")
                    fields[0] += f"|||{modes}"
                    fields[2] = f"PID|1||{patient}||Roe^Jane||19700101|F"
                    return ack_code(link.send("\r".join(fields)))

                self.assertEqual(enhanced("X1", "AL|AL"), "CA")
                self.assertEqual(enhanced("X2", "AL|NE"), "CA")
                self.assertEqual(enhanced("X3", "AL|ER", patient=""), "CA")
                self.assertEqual(ack_code(link.send(adt("X4"))), "AA")
                self.assertEqual(enhanced("X5", "AL|ER"), "CA")
                self.assertEqual(enhanced("X6", "AL|AL"), "CA")
                link.close()
                messages = ehr.wait(3)
                self.assertEqual([(field(m, "MSA", 1), field(m, "MSA", 2)) for m in messages],
                                 [("AA", "X1"), ("AE", "X3"), ("AA", "X6")])
                self.assertEqual({field(m, "MSH", 9).split("^")[0] for m in messages}, {"ACK"})
                self.assertEqual(len(set(ehr.control_ids())), 3)
                site.wait(0)
                self.assertEqual(len(ehr.received), 3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
