"""The load generator, and what its registrations cost the server and PostgreSQL."""
import json
import os
import subprocess

from cpu import Meter
from ground import DOMAIN, PASSWORD, PHONES, PREFIX

from harness.check import Failure
from harness.server import BUILD

SLOTS = 128


def postmaster(cluster_home=None):
    home = cluster_home or os.path.join(os.environ["ROLLCALL_TEST_STATE"], "database")
    with open(os.path.join(home, "data", "postmaster.pid")) as file:
        return int(file.readline())


def load(target, seconds, *options, transport="udp", mode="refresh", phones=PHONES, md5=True):
    """One run against a Peer or a Product; the generator's object, with cpu_us {server, postgresql} per registration."""
    port = target.tls_port if transport == "tls" else target.port
    command = [os.path.join(BUILD, "load"), "--host", "127.0.0.1", "--port", str(port), "--domain", DOMAIN, "--prefix", PREFIX,
               "--password", PASSWORD, "--users", str(phones), "--slots", str(SLOTS), "--seconds", str(seconds),
               *(["--transport", transport] if transport != "udp" else []), *(["--mode", mode] if mode != "refresh" else []),
               *(["--md5"] if md5 else []), *options]
    meter = Meter({"server": target.pid, "postgresql": postmaster()})
    done = subprocess.run(command, capture_output=True, text=True)
    meter.end()
    if done.returncode != 0:
        raise Failure("%s\n%s%s" % (" ".join(command), done.stdout, done.stderr))
    result = json.loads(done.stdout)
    if "cpu_us" not in result:
        charged = meter.charge(result["seconds"])
        result["cpu_us"] = {name: us / result["registered"] for name, us in charged.items()}
    return result
