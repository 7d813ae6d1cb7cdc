"""Mutated messages on the wire (tests/fuzz/spray.c): the daemon answers in good form, or not at all, and nobody else notices.

The messages are those of the fuzz targets, with the right digest in half of the REGISTERs. A long run sends a million
datagrams and a hundred thousand messages over streams, with twenty seeds.
"""
import os
import subprocess

from harness import Failure, equal, true
from harness.check import long_run
from harness.phone import ALICE_PASSWORD
from harness.server import BUILD

HERE = os.path.dirname(os.path.abspath(__file__))
CORPORA = [os.path.join(HERE, "..", "fuzz", "corpus", "message")]
CONFIGURATION = {"log": {"level": "warning"}, "registration": {"max_contacts": 100, "expires_min": "1s"}}
CONTACT = "<sip:bob@192.0.2.10:5062>"


def spray(env, transport, count, seed):
    server = env.server
    done = subprocess.run([os.path.join(BUILD, "tests", "spray"), transport, str(server.port), str(seed), str(count), "alice",
                           ALICE_PASSWORD, *CORPORA], stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode != 0:
        raise Failure("spray %s with seed %d: %s" % (transport, seed, done.stderr.decode(errors="replace")))
    counts, _, classes = done.stdout.decode().partition(":")
    read, astray, answered = (int(part.split()[0]) for part in counts.split(","))
    return read, astray, answered, {name: int(number) for name, number in map(str.split, classes.split(","))}


def survive(env, transport, count, long_count):
    server = env.server
    deaths = server.stats()["worker_deaths"]
    seeds, all_counts = range(1, 21) if long_run() else [1], {}
    for seed in seeds:
        wanted = long_count // 20 if long_run() else count
        read, astray, answered, classes = spray(env, transport, wanted, seed)
        print("%d read, %d astray, %d answered: %s" % (read, astray, answered, classes))
        true(read >= wanted, "only %d messages were read" % read)
        true(answered >= (read + astray) // 3, "only %d of %d messages were answered" % (answered, read + astray))
        for name, number in classes.items():
            all_counts[name] = all_counts.get(name, 0) + number
    for name in ("2xx", "4xx"):
        true(all_counts[name] > 0, "no answer was %s: %s" % (name, all_counts))
    equal(server.stats()["worker_deaths"], deaths, "deaths of workers")
    server.database.clear_bindings()
    phone = server.phone("udp" if transport == "udp" else "tcp", user="bob")
    equal(list(phone.reg(CONTACT).expect(200).contacts), [CONTACT.strip("<>")], "what an honest phone has")


def test_datagrams(env):
    survive(env, "udp", 10000, 1000000)


def test_streams(env):
    survive(env, "tcp", 2000, 100000)
