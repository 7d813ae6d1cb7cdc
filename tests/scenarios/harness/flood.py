"""As many datagrams a second as one process can send. Reads an object from stdin:

port, sources (addresses to send from), templates (one of them for each source by turns; each conversion in it is filled with a
number that no other datagram has), seconds, rate (0: all that is possible). Prints how many it sent and how many octets came back.
"""
import json
import socket
import sys
import time

TURN = 100  # datagrams between two looks at the clock


def sockets(sources, port):
    found = []
    for source in sources:
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind((source, 0))
        one.connect(("127.0.0.1", port))
        one.setblocking(False)
        found.append(one)
    return found


def drained(one):
    """Octets of the answers that wait there."""
    octets = 0
    try:
        while True:
            octets += len(one.recv(65536))
    except OSError:
        return octets


def flood(port, sources, templates, seconds, rate):
    senders = [(one, templates[n % len(templates)]) for n, one in enumerate(sockets(sources, port))]
    came, sent, began = 0, 0, time.monotonic()
    while time.monotonic() < began + seconds:
        for number in range(sent, sent + TURN):
            one, template = senders[number % len(senders)]
            try:
                one.send((template % ((number,) * template.count("%"))).encode())
            except OSError:  # no room at the moment, or nobody reads
                pass
        sent += TURN
        came += drained(senders[sent // TURN % len(senders)][0])
        if rate:
            time.sleep(max(0.0, began + sent / rate - time.monotonic()))
    return {"sent": sent, "octets": came, "seconds": time.monotonic() - began}


if __name__ == "__main__":
    print(json.dumps(flood(**json.load(sys.stdin))))
