"""SIP messages as a tester needs them: requests built field by field, responses parsed without mercy."""
import re
import secrets

from harness.check import Failure

COMPACT = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length", "k": "supported",
           "c": "content-type", "e": "content-encoding", "s": "subject"}
STATUSES = {100, 200, 302, 400, 401, 403, 404, 405, 413, 414, 415, 416, 420, 423, 439, 480, 481, 482, 500, 501, 503, 505,
            513}
# Copied from the request octet for octet, so they may hold what the server itself would never write: control octets, but
# only escaped in a quoted string.
ECHOED = {"via", "from", "to"}
QUOTED = re.compile(r'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\x00-\x09\x0b\x0c\x0e-\x7f])*"')


def octets(value):
    return value if isinstance(value, bytes) else value.encode()


def branch():
    return "z9hG4bK" + secrets.token_hex(8)


class Request:
    """A request whose fields are (name, value) pairs in order; values are text or octets."""

    def __init__(self, method, uri, fields, body=b""):
        self.method, self.uri, self.fields, self.body = method, uri, list(fields), octets(body)
        self.version = "SIP/2.0"

    def get(self, name):
        for n, value in self.fields:
            if n.lower() == name.lower():
                return value
        return None

    def set(self, name, *values):
        """Replaces all fields of that name, in the place of the first; without values it removes them."""
        where = next((i for i, (n, _) in enumerate(self.fields) if n.lower() == name.lower()), len(self.fields))
        rest = [(n, v) for n, v in self.fields if n.lower() != name.lower()]
        self.fields = rest[:where] + [(name, v) for v in values] + rest[where:]
        return self

    def add(self, name, value):
        self.fields.append((name, value))
        return self

    def __bytes__(self):
        lines = [b" ".join([octets(self.method), octets(self.uri), octets(self.version)])]
        lines += [octets(n) + b": " + octets(v) for n, v in self.fields]
        return b"\r\n".join(lines) + b"\r\n\r\n" + self.body


class Response:
    def __init__(self, status, reason, fields, body, raw):
        self.status, self.reason, self.fields, self.body, self.raw = status, reason, fields, body, raw

    def all(self, name):
        return [v for n, v in self.fields if n == name.lower()]

    def get(self, name, default=None):
        return next(iter(self.all(name)), default)

    def expect(self, *statuses):
        if self.status not in statuses:
            raise Failure("answer is %d %s, wanted %s" % (self.status, self.reason, " or ".join(map(str, statuses))))
        return self

    def header(self, name, pattern=None):
        """The value of a field that must be there and match the regular expression."""
        value = self.get(name)
        if value is None:
            raise Failure("%d answer has no %s" % (self.status, name))
        if pattern is not None and not re.search(pattern, value):
            raise Failure("%s is %r, wanted /%s/" % (name, value, pattern))
        return value

    @property
    def contacts(self):
        """{URI: {parameter: value}} of all Contact values."""
        found = {}
        for value in split_commas(", ".join(self.all("contact"))):
            match = re.match(r'\s*(?:"(?:\\.|[^"])*"\s*|[^<"]*)<([^>]*)>(.*)$', value, re.S)
            if not match:
                raise Failure("Contact without <>: %r" % value)
            found[match.group(1)] = parameters(match.group(2))
        return found


def split_commas(text):
    """The members of a comma list, minding quotes and angle brackets."""
    parts, current, quoted, angle, escaped = [], "", False, False, False
    for c in text:
        if c == "," and not quoted and not angle:
            parts.append(current)
            current = ""
            continue
        if c == '"' and not escaped:
            quoted = not quoted
        elif not quoted and c in "<>":
            angle = c == "<"
        escaped = c == "\\" and quoted and not escaped
        current += c
    parts.append(current)
    return [p.strip() for p in parts if p.strip()]


def parameters(text):
    found = {}
    for name, _, value in (p.partition("=") for p in re.findall(r';((?:"(?:\\.|[^"])*"|[^;"])*)', text)):
        found[name.strip().lower()] = value.strip().strip('"')
    return found


def parse_response(raw):
    """Parses and lints: whatever a server must never send is a Failure, whichever test runs into it."""
    head, separator, body = raw.partition(b"\r\n\r\n")
    if not separator:
        raise Failure("response without an empty line: %r" % raw[:200])
    lines = head.split(b"\r\n")
    start = re.fullmatch(rb"SIP/2\.0 ([1-6]\d\d) ([^\r\n\x00-\x1f\x7f]*)", lines[0])
    if not start:
        raise Failure("malformed status line %r" % lines[0])
    fields = []
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not re.fullmatch(rb"[A-Za-z][A-Za-z-]*", name):
            raise Failure("malformed or folded header line %r" % line)
        key = name.decode().lower()
        fields.append((COMPACT.get(key, key), value.strip(b" \t").decode("latin-1")))
    response = Response(int(start.group(1)), start.group(2).decode("latin-1"), fields, body, raw)
    lint(response)
    return response


def lint(response):
    status = response.status
    if status not in STATUSES:
        raise Failure("status %d is never sent by this server" % status)
    for name, value in response.fields:
        plain = QUOTED.sub("", value) if name in ECHOED else value
        if re.search(r"[\x00-\x08\x0a-\x1f\x7f]", plain):
            raise Failure("control octet in %s: %r" % (name, value))
    lengths = response.all("content-length")
    if lengths != [str(len(response.body))]:
        raise Failure("Content-Length %r, body of %d octets" % (lengths, len(response.body)))
    for name in ("to", "from", "call-id", "cseq"):
        if len(response.all(name)) > 1:
            raise Failure("%s more than once" % name)
    if not response.all("via"):
        raise Failure("response without Via")
    to = response.get("to")
    if status > 100 and to is not None and not re.search(r";\s*tag\s*=", to, re.I):
        raise Failure("%d without a To tag" % status)
    needs = {401: "www-authenticate", 405: "allow", 420: "unsupported", 423: "min-expires", 503: "retry-after"}
    if status in needs and not response.all(needs[status]):
        raise Failure("%d without %s" % (status, needs[status]))
