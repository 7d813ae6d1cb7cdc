"""What phones ask for: mostly what they should, now and then what must be refused."""
from chaos.history import Request

CONTACTS = ("a", "b", "c", "d", "e")
LONG = 3600  # seconds; an interval from here on is never too brief, and nothing expires during a run
# What is asked for, and how often of a hundred times.
KINDS = {"write": 34, "several": 24, "remove": 12, "mixed": 8, "star": 6, "fetch": 4, "late": 5, "brief": 2, "contradiction": 2,
         "own": 1, "bad_star": 1, "password": 1}
FLAWS = ("brief", "contradiction", "own", "bad_star", "password")


def uri(user, contact):
    return "sip:%s@192.0.2.%d:5062" % (user, CONTACTS.index(contact) + 1)


def contact_of(text):
    """The contact whose URI this is."""
    return CONTACTS[int(text.rpartition("@192.0.2.")[2].partition(":")[0]) - 1]


def interval(rng):
    return rng.randrange(LONG, 2 * LONG + 1)


def changes(kind, rng):
    """{contact: seconds} of a request of this kind."""
    if kind in ("star", "bad_star", "fetch"):
        return {}
    chosen = rng.sample(CONTACTS, 1 if kind in ("write", "remove", "late", "password") else rng.randrange(2, 4))
    found = {contact: 0 if kind == "remove" else interval(rng) for contact in chosen}
    if kind == "mixed":
        found[chosen[0]] = 0
    return found


def draw(number, address, call_id, cseq, rng):
    kind = rng.choices(list(KINDS), KINDS.values())[0]
    if kind == "late":  # it was overtaken by the requests before it, or has their number
        cseq = max(1, cseq - rng.randrange(1, 4))
    return Request(number, address, call_id, cseq, changes(kind, rng), star=kind in ("star", "bad_star"),
                   flaw=kind if kind in FLAWS else None)


def fetch(number, address, call_id, cseq):
    return Request(number, address, call_id, cseq)


def contact_values(request, user):
    """The values of its Contact fields. Those of a flaw stand behind good ones, which must not be done either."""
    if request.star:
        return ["*"]
    values = ["<%s>;op=%d;expires=%d" % (uri(user, contact), request.number, seconds)
              for contact, seconds in request.changes.items()]
    if request.flaw == "brief":
        values[-1] = values[-1].rpartition("=")[0] + "=5"
    elif request.flaw == "contradiction":
        values.append(values[0] + "0")
    elif request.flaw == "own":
        values[-1] = "<sip:%s>;op=%d" % (request.address, request.number)
    return values


def expires(request):
    """The value of the Expires field; None: there is none."""
    if not request.star:
        return None
    return 60 if request.flaw else 0
