#!/usr/bin/env python3
"""The receiving end of an outbound channel: an MLLP listener that keeps what it received, in order, and
answers as a test says.

    with Ehr() as ehr:                       # accepts everything
        ehr.next(Answer("AE"), Answer(drop=True))    # the next two messages; then AA again
        ehr.always(Answer(delay_s=1))        # from now on
        ehr.wait(3)                          # the first three messages
        ehr.down(); ehr.up()                 # the same port: refused meanwhile

By hand: `ehr.py --port 2600` reads lines from stdin: `next AE`, `always drop`, `always delay 2`, `down`,
`up`, `list`, `quit`; words of an answer: a code, drop, wrong, missing, split, close, twice, delay SECONDS.
"""
import argparse
import dataclasses
import socket
import sys
import threading
import time


@dataclasses.dataclass
class Answer:
    """How one message is answered."""
    code: str = "AA"
    delay_s: float = 0        # before the answer
    drop: bool = False        # no answer, the link stays
    close: bool = False       # no answer, the link closes
    wrong: bool = False       # with an MSA-2 that nobody sent
    missing: bool = False     # without MSA-2
    split: bool = False       # in two pieces with a pause between
    twice: bool = False       # CA first, then the code as the application's answer
    error: str = ""           # an ERR segment, as it stands in the message


def field(message, segment, number):
    """The text of a field of the first such segment, "" if it is not there."""
    for line in message.split("\r"):
        if line.startswith(segment):
            fields = line.split(line[3])
            index = number - 1 if segment == "MSH" else number
            return fields[index] if index < len(fields) else ""
    return ""


def acknowledgment(message, code, control_id=None, error=""):
    control_id = field(message, "MSH", 10) if control_id is None else control_id
    text = (f"MSH|^~\\&|EHR|MAIN|CARESTREAM||20260101120000+0000||ACK|E{time.time_ns()}|P|2.5.1\r"
            f"MSA|{code}|{control_id}\r")
    return text + (error + "\r" if error else "")


class Ehr:
    def __init__(self, port=0, on_message=None, tls=None):
        self.port = port
        self.tls = tls                    # an ssl.SSLContext of a server: MLLP over TLS
        self.on_message = on_message      # called with each message before it is answered
        self.received = []
        self.changed = threading.Condition()
        self.planned, self.default = [], Answer()
        self.choose = None                # called with a message for which nothing is planned: its Answer
        self.listener, self.links = None, set()

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, *_):
        self.down()

    def next(self, *answers):
        with self.changed:
            self.planned.extend(answers)

    def always(self, answer):
        with self.changed:
            self.planned, self.default = [], answer

    def up(self):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(16)
        self.port = listener.getsockname()[1]
        self.listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def down(self):
        listener, self.listener = self.listener, None
        if listener:
            # Wakes the thread that accepts; closing alone leaves it waiting on the old socket.
            try:
                listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            listener.close()
        for link in list(self.links):
            self._close(link)

    def wait(self, count, timeout_s=30):
        """The first `count` messages."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.received) >= count, timeout_s):
                raise AssertionError(f"{len(self.received)} of {count} messages came")
            return self.received[:count]

    def control_ids(self):
        with self.changed:
            return [field(message, "MSH", 10) for message in self.received]

    def send_late(self, text):
        """A message on every open link, not as an answer to anything."""
        for link in list(self.links):
            link.sendall(b"\x0b" + text.encode() + b"\x1c\r")

    def _accept(self, listener):
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.links.add(link)
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link):
        buffer = b""
        try:
            if self.tls:
                plain, link = link, self.tls.wrap_socket(link, server_side=True)
                self.links.discard(plain)
                self.links.add(link)
            while True:
                while b"\x1c" not in buffer:
                    data = link.recv(65536)
                    if not data:
                        return
                    buffer += data
                frame, buffer = buffer.split(b"\x1c", 1)
                self._receive(link, frame.lstrip(b"\r\n\x0b").decode(errors="replace"))
        except OSError:
            pass
        finally:
            self._close(link)

    def _receive(self, link, message):
        with self.changed:
            answer = self.planned.pop(0) if self.planned else self.choose(message) if self.choose else self.default
            self.received.append(message)
            self.changed.notify_all()
        if self.on_message:
            self.on_message(message)
        if answer.delay_s:
            time.sleep(answer.delay_s)
        if answer.close:
            raise OSError("as planned")
        if answer.drop:
            return
        control_id = "NOBODY1" if answer.wrong else "" if answer.missing else None
        texts = [acknowledgment(message, answer.code, control_id, answer.error)]
        if answer.twice:
            texts.insert(0, acknowledgment(message, "CA"))
        for text in texts:
            frame = b"\x0b" + text.encode() + b"\x1c\r"
            if answer.split:
                link.sendall(frame[:len(frame) // 2])
                time.sleep(0.1)
                frame = frame[len(frame) // 2:]
            link.sendall(frame)

    def _close(self, link):
        self.links.discard(link)
        try:
            link.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        link.close()


def parse_answer(words):
    answer = Answer()
    words = list(words)
    while words:
        word = words.pop(0)
        if word in ("drop", "close", "wrong", "missing", "split", "twice"):
            setattr(answer, word, True)
        elif word == "delay":
            answer.delay_s = float(words.pop(0))
        else:
            answer.code = word
    return answer


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    with Ehr(parser.parse_args().port) as ehr:
        ehr.on_message = lambda message: print("received", field(message, "MSH", 9), field(message, "MSH", 10), flush=True)
        print("listening", ehr.port, flush=True)
        for line in sys.stdin:
            command, *words = line.split() or [""]
            if command == "quit":
                return
            if command == "next":
                ehr.next(parse_answer(words))
            elif command == "always":
                ehr.always(parse_answer(words))
            elif command in ("up", "down"):
                getattr(ehr, command)()
            elif command == "list":
                print(*ehr.control_ids(), sep="\n", flush=True)
            elif command:
                print(f"unknown: {command}", flush=True)


if __name__ == "__main__":
    main()
