"""A small WebSocket client (RFC 6455): text messages over TCP, one thread."""
import base64
import os
import socket
import struct


class WebSocket:
    def __init__(self, host, port, path, headers=(), timeout=20, tls=None):
        self.socket = socket.create_connection((host, port), timeout=timeout)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname=host)
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", f"Host: {host}:{port}", "Upgrade: websocket", "Connection: Upgrade",
                 f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", *headers, "", ""]
        self.socket.sendall("\r\n".join(lines).encode())
        head = b""
        while b"\r\n\r\n" not in head:
            more = self.socket.recv(1)
            if not more:
                raise ConnectionError("closed during the upgrade")
            head += more
        self.status = int(head.split(b" ", 2)[1])
        if self.status != 101:
            raise ConnectionError(f"the upgrade was answered with {self.status}")

    def send(self, text):
        self._frame(1, text.encode())

    def receive(self):
        """The next text; answers pings. None when the peer closed."""
        parts = b""
        while True:
            opcode, final, payload = self._read()
            if opcode == 9:
                self._frame(10, payload)
            elif opcode == 8:
                return None
            elif opcode in (0, 1):
                parts += payload
                if final:
                    return parts.decode()

    def close(self):
        self.socket.close()

    def _frame(self, opcode, payload):
        mask = os.urandom(4)
        size = len(payload)
        head = bytes([0x80 | opcode])
        if size < 126:
            head += bytes([0x80 | size])
        else:
            head += bytes([0x80 | 126]) + struct.pack(">H", size)
        self.socket.sendall(head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise ConnectionError("closed without a close frame")
            data += more
        return data

    def _read(self):
        first, second = self._exactly(2)
        size = second & 127
        if size == 126:
            size = struct.unpack(">H", self._exactly(2))[0]
        elif size == 127:
            size = struct.unpack(">Q", self._exactly(8))[0]
        return first & 15, bool(first & 128), self._exactly(size)
