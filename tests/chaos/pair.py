"""The database: a cluster that may be killed, and beside it the place for a standby that takes over."""
import json
import os
import time

from harness import Failure
from harness.database import Database
from harness.faults import Between, children


class Pair:
    """The node `piped` comes through a pipe that leads to the primary, as through a proxy; others name both clusters."""

    def __init__(self, env):
        self.primary, self.other = env.own_cluster(), env.standby_place()
        self.hosts = ",".join(cluster.sockets for cluster in (self.primary, self.other))
        self.name = env.new_database(self.primary).name
        self.pipe = Between(env, self.primary)
        self.followed = False

    @property
    def database(self):
        return Database(self.primary, self.name)

    @property
    def url(self):
        return "postgresql://rollcall@/%s?host=%s&target_session_attrs=read-write" % (self.name, self.hosts)

    @property
    def piped_url(self):
        return self.pipe.url(self.database)

    def make_standby(self):
        if not self.followed:
            self.other.follow(self.primary)
            self.followed = True

    def promote(self):
        """The standby takes the place of a primary that is dead, and nobody follows it yet."""
        self.other.promote()
        self.primary, self.other, self.followed = self.other, self.primary, False
        self.pipe.aim(self.primary)

    def forget_commits(self):
        """From now on PostgreSQL calls a change committed that its log does not have yet: to prove that this is found out."""
        for setting in ("synchronous_commit = off", "wal_writer_delay = '10s'", "wal_writer_flush_after = '1GB'"):
            self.primary.psql("postgres", "alter system set " + setting)
        self.primary.psql("postgres", "select pg_reload_conf()")

    # --- one backend ---

    def backends(self):
        """The processes that serve the nodes."""
        rows = self.database.query("select pid from pg_stat_activity where usename = 'rollcall' and backend_type = 'client backend'")
        return sorted(int(pid) for pid, in rows)

    def wait_crash_restart(self, before, timeout=60.0):
        """PostgreSQL ends all its processes when one of them dies so, and begins anew: waits until it accepts again."""
        deadline = time.monotonic() + timeout
        while set(children(self.postmaster)) & set(before) or not self.accepts():
            if time.monotonic() > deadline:
                raise Failure("PostgreSQL does not come back")
            time.sleep(0.01)

    @property
    def postmaster(self):
        with open(os.path.join(self.primary.home, "data", "postmaster.pid")) as file:
            return int(file.readline())

    def accepts(self):
        try:
            return self.primary.psql("postgres", "select 1") == [("1",)]
        except Failure:
            return False

    # --- what is stored ---

    def stored(self):
        """{address: [(contact URI, parameters, Call-ID, CSeq, seconds asked for)]} of the view `binding`."""
        found, rows = {}, self.database.query(
            "select json_build_array(aor, contact, params, call_id, cseq, requested) from binding")
        for row, in rows:
            aor, *rest = json.loads(row)
            found.setdefault(aor, []).append(rest)
        return found
