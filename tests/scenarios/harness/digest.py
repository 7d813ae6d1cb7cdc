"""The client's half of digest authentication (RFC 7616, RFC 8760)."""
import hashlib
import re
import secrets

ALGORITHMS = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}


def h(algorithm, data):
    base = algorithm[:-5] if algorithm.lower().endswith("-sess") else algorithm
    data = data if isinstance(data, bytes) else data.encode()
    return hashlib.new(ALGORITHMS[base.upper()], data).hexdigest()


class Challenge:
    """One WWW-Authenticate value, and how often its nonce has been used."""

    def __init__(self, value):
        scheme, _, rest = value.partition(" ")
        self.scheme, self.value, self.count = scheme, value, 0
        self.parameters = {m.group(1).lower(): m.group(2).strip('"')
                           for m in re.finditer(r'([A-Za-z0-9-]+)=("(?:[^"\\]|\\.)*"|[^\s,]+)', rest)}
        self.realm, self.nonce = self.parameters.get("realm", ""), self.parameters.get("nonce", "")
        self.algorithm = self.parameters.get("algorithm", "MD5")
        self.stale = self.parameters.get("stale", "").lower() == "true"


def challenges(response):
    return [Challenge(value) for value in response.all("www-authenticate")]


def authorization(challenge, username, password, method, uri, *, qop="auth", body=b"", **change):
    """The value of an Authorization field. Every keyword replaces that parameter as written; None leaves it out."""
    algorithm = change.get("algorithm") or challenge.algorithm
    algorithm = algorithm.strip('"')
    challenge.count += 1
    nc = change.get("nc") or "%08x" % challenge.count
    cnonce = change.get("cnonce") or secrets.token_hex(8)
    nonce = change.get("nonce") or challenge.nonce
    ha1 = h(algorithm, "%s:%s:%s" % (username, challenge.realm, password))
    if algorithm.lower().endswith("-sess"):
        ha1 = h(algorithm, "%s:%s:%s" % (ha1, nonce, cnonce))
    ha2 = "%s:%s" % (method, change.get("uri") or uri)
    if qop == "auth-int":
        ha2 += ":" + h(algorithm, body)
    ha2 = h(algorithm, ha2)
    middle = "%s:%s:%s:" % (nc, cnonce, qop) if qop else ""
    values = {"username": username, "realm": challenge.realm, "nonce": nonce, "uri": uri,
              "response": h(algorithm, "%s:%s:%s%s" % (ha1, nonce, middle, ha2)), "algorithm": algorithm}
    if qop:
        values.update(qop=qop, nc=nc, cnonce=cnonce)
    if "opaque" in challenge.parameters:
        values["opaque"] = challenge.parameters["opaque"]
    values.update(change)
    bare = {"algorithm", "qop", "nc", "stale"}
    return "Digest " + ", ".join(
        "%s=%s" % (n, v if n in bare else '"%s"' % v) for n, v in values.items() if v is not None)
