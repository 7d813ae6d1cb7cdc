"""HTTP as a test needs it: whole requests octet for octet, answers with their fields, over TCP or a Unix socket."""
import json
import socket

from harness.check import PATIENT, Failure

PATIENCE = 10.0 * PATIENT


class Cut(Failure):
    """A body that has no end."""


class Answer:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    def get(self, name):
        return next((v for n, v in self.fields if n == name.lower()), None)

    @property
    def json(self):
        return json.loads(self.body)

    def expect(self, status, reason=None):
        if self.status != status:
            raise Failure("answer is %d, wanted %d: %r" % (self.status, status, self.body[:600]))
        if reason is not None:
            if self.get("content-type") != "application/problem+json":
                raise Failure("%d of type %r" % (status, self.get("content-type")))
            problem = self.json
            if problem["reason"] != reason or problem["status"] != status or not problem["title"] \
                    or problem["type"] != "urn:rollcall:problem:" + reason.replace("_", "-"):
                raise Failure("problem is %r, wanted %s" % (problem, reason))
        return self


class Http:
    """One connection. target is a (host, port) pair or the path of a Unix socket."""

    def __init__(self, target, timeout=PATIENCE):
        self.socket = socket.socket(socket.AF_UNIX) if isinstance(target, str) else \
            socket.socket(socket.AF_INET6 if ":" in target[0] else socket.AF_INET)
        self.socket.settimeout(timeout)
        self.socket.connect(target)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())
        return self

    def ask(self, method, path, body=None, fields=(), version="1.1"):
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        body = body.encode() if isinstance(body, str) else body
        lines = ["%s %s HTTP/%s" % (method, path, version)]
        lines += ["Host: test"] if version == "1.1" else []
        lines += ["%s: %s" % field for field in fields]
        lines += ["Content-Length: %d" % len(body)] if body is not None else []
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b""))
        return self.receive(method)

    def _fill(self):
        data = self.socket.recv(65536)
        self.buffer += data
        return bool(data)

    def receive(self, method="GET"):
        while b"\r\n\r\n" not in self.buffer:
            if not self._fill():
                raise Failure("the connection ended in front of the answer: %r" % self.buffer[:200])
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split()[1])
        fields = [(n.lower(), v.strip()) for n, _, v in (line.partition(":") for line in lines[1:])]
        answer = Answer(status, fields, b"")
        length = int(answer.get("content-length") or 0)
        if method == "HEAD" or status in (204, 304):
            return answer
        if (answer.get("transfer-encoding") or "").lower() == "chunked":
            answer.body = b"".join(self.chunks())
            return answer
        while len(self.buffer) < length:
            if not self._fill():
                raise Failure("the connection ended within the answer")
        answer.body, self.buffer = self.buffer[:length], self.buffer[length:]
        return answer

    def chunks(self):
        """The chunks of a body one by one; Cut when the connection ends within it."""
        while True:
            while b"\r\n" not in self.buffer:
                self._fill_or_cut()
            line, _, self.buffer = self.buffer.partition(b"\r\n")
            length = int(line.split(b";")[0], 16)
            while len(self.buffer) < length + 2:
                self._fill_or_cut()
            chunk, self.buffer = self.buffer[:length], self.buffer[length + 2:]
            if length == 0:
                return
            yield chunk

    def _fill_or_cut(self):
        try:
            if self._fill():
                return
        except ConnectionError:
            pass
        raise Cut("the connection ended within a chunked body")

    def closed(self):
        """Waits for the end; False when octets come instead."""
        try:
            return not self.buffer and not self._fill()
        except ConnectionError:
            return True

    def close(self):
        self.socket.close()


def ask(target, method, path, body=None, fields=(), version="1.1", timeout=PATIENCE):
    """One request on a connection of its own."""
    connection = Http(target, timeout)
    try:
        return connection.ask(method, path, body, fields, version)
    finally:
        connection.close()
