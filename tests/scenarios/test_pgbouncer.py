"""A real PgBouncer between the daemon and PostgreSQL: what is acknowledged is stored, and what the daemon wants of a session holds
for each transaction."""
import os
import signal
import time

from harness import equal, true
from harness.faults import add_users, wait_workers, workers
from harness.pgbouncer import Deserter, PgBouncer
from harness.phone import ALICE_PASSWORD
from test_database import C1, Load, want_a_standby, want_no_standby

UNNAMED = {"database": {"statements": "unnamed"}, "log": {"level": "notice"}}


def pooled(env, mode="transaction", changes=UNNAMED, **settings):
    """A server, not started yet, its PgBouncer and their cluster."""
    cluster = env.own_cluster()
    server = env.make(changes, cluster=cluster)
    pooler = PgBouncer(cluster, mode, **settings)
    env.cleanups.append(pooler.remove)
    server.configure({"database": {"url": pooler.start().url(server.database)}})
    return server, pooler, cluster


def backends(cluster):
    return int(cluster.psql("postgres", "select count(*) from pg_stat_activity where usename = 'rollcall'")[0][0])


def register_through_faults(env, mode, changes):
    """Each answer is 200 and stored, or 500 or 503: PgBouncer killed, restarted, paused, its clients and servers cut off."""
    server, pooler, cluster = pooled(env, mode, changes)
    server.start()
    for transport in "udp", "tcp":
        server.phone(transport).reg(C1).expect(200)
    load = Load(server, 16)
    with load:
        load.more()
        pooler.end(signal.SIGKILL)
        load.stop.wait(0.5)
        pooler.start()
        load.more()
        if mode == "transaction":  # a session would have to end first
            pooler.say("pause")
            load.stop.wait(1)
            pooler.say("resume")
            load.more()
        pooler.say("reload")
        pooler.say("reconnect")
        load.more()
        pooler.say('kill "%s"' % server.database.name)
        pooler.say('resume "%s"' % server.database.name)
        load.more()
        cluster.psql("postgres", "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'rollcall'")
        load.more()
        cluster.crash()
        cluster.start()
        load.more()
    load.judge()
    true(set(load.statuses) <= {200, 500, 503, "none"}, "answers: %s" % load.statuses)
    server.wait(lambda: server.health()[0] == 200, "ready")


def test_transaction_pooling_through_faults(env):
    register_through_faults(env, "transaction", UNNAMED)


def test_session_pooling_through_faults(env):
    register_through_faults(env, "session", {"log": {"level": "notice"}})


def test_accounts_bans_and_migrations_behind_it(env):
    server, pooler, cluster = pooled(env)
    server.start()
    server.ctl("user", "add", "carol@example.com", "--password-stdin", input="carol's\n")
    server.phone(user="carol", password="carol's").reg(C1).expect(200)
    server.ctl("ban", "add", "192.0.2.7/32", "--for", "1h")
    true("192.0.2.7" in server.ctl("ban", "list").stdout, "the ban is listed")
    equal(server.ctl("binding", "list").stdout.count("carol@example.com"), 1, "bindings of carol")
    doctor = server.ctl("doctor", "-c", server.configuration_path).stdout
    true("0 problems" in doctor, doctor)
    cluster.psql("postgres", "create database empty")
    url = "postgresql://postgres:%s@127.0.0.1:%d/empty" % (cluster.password, pooler.port)
    server.ctl("db", "migrate", "--url", url)
    equal(server.ctl("db", "status", "--url", url).returncode, 0, "db status behind db migrate")


def test_a_locked_row_holds_nobody(env):
    """lock_timeout is set for each transaction: without it who is locked would hear 500 after query_timeout, and the node would say
    that the database refuses all changes."""
    server, _, _ = pooled(env)
    server.start()
    alice, bob = server.phone(), server.phone(user="bob")
    for phone in alice, bob:
        phone.reg(C1).expect(200)
    with server.database.locked("select from aor where aor = 'alice@example.com' for update"):
        for _ in range(3):
            alice.reg(C1).expect(503)
            bob.reg(C1).expect(200)
        equal(server.health()[0], 200, "/readyz")
    alice.reg(C1).expect(200)
    true("db.down" not in server.log, "the database is called down")


def test_a_standby_that_is_away_does_not_use_up_connections(env):
    """PgBouncer forgets a server that it was left alone with and opens another, beyond its own limit."""
    changes = {**UNNAMED, "server": {"workers": "1"}, "database": {"statements": "unnamed", "query_timeout": "500ms"}}
    server, _, cluster = pooled(env, changes=changes, default_pool_size=4, max_db_connections=4)
    server.start()
    add_users(server.database, 200, ALICE_PASSWORD, "other")
    others = [server.phone(user="other%d" % n) for n in range(200)]
    for phone in others:
        phone.prepare()
    bob = server.phone("tcp", user="bob")
    bob.prepare()
    connects, most = server.counter("db_connects"), 0
    want_a_standby(server, cluster)

    def silent_often():
        nonlocal most
        most = max(most, backends(cluster))
        others[0].send(others[0].authorize(others[0].register_request(C1)))
        others.append(others.pop(0))
        return server.counter("db_connects") >= connects + 24
    server.wait(silent_often, "connections were silent and made anew", 60)
    want_no_standby(cluster)
    true(most <= 12, "%d backends for 4 connections" % most)
    server.wait(lambda: bob.exchange(bob.authorize(bob.register_request(C1))).status == 200, "bob is served")


def test_prepared_statements_are_named_as_the_fault(env):
    server, _, _ = pooled(env, changes={"log": {"level": "notice"}})
    server.launch()
    server.wait_log(r"prepared statement lost: a transaction pooler is in between; set database\.statements = unnamed")


def test_pgbouncer_that_refuses(env):
    """Its words reach the operator."""
    server, pooler, _ = pooled(env)
    server.configure({"database": {"url": pooler.url(server.database) + "?options=-c%20lock_timeout%3D100"}})
    server.launch()
    server.wait_log(r"db\.down .*unsupported startup parameter: options")


def test_a_standby_behind_it_is_promoted(env):
    """As when PgBouncer leads to it too early. It goes on telling clients what server it saw first, so that libpq, asked for
    target_session_attrs, would refuse it until PgBouncer is restarted; the daemon asks the server itself."""
    server, pooler, cluster = pooled(env)
    standby = env.standby_place()
    standby.follow(cluster)
    pooler.lead_to(standby)
    pooler.say("reload")
    server.launch()
    server.wait_log(r"db\.down .*is read-only")
    equal(server.health()[0], 503, "/readyz")
    cluster.kill()
    standby.promote()
    server.database.cluster = standby
    server.wait_ready()
    server.phone().reg(C1).expect(200)


def test_answers_for_somebody_else_acknowledge_nothing(env):
    """PgBouncer before 1.23 gives a server away whose client has gone with answers still to come, here what a commit that was done
    answers. Who gets it must not take that for its own: the row is locked, and nothing is stored."""
    changes = {**UNNAMED, "database": {"statements": "unnamed", "connections_per_worker": 1, "batch_rows": 1}}
    server, pooler, _ = pooled(env, changes=changes, auth_type="trust", default_pool_size=1)
    server.start()
    phone = server.phone("tcp")
    phone.reg(C1).expect(200)
    with server.database.locked("select from aor where aor = 'alice@example.com' for update"):
        for _ in range(12):
            deserter = Deserter(pooler, server.database)
            deserter.send("select 1 as n", "select 1 as n from pg_sleep(0.2)")
            phone.send(phone.authorize(phone.register_request(C1)))
            time.sleep(0.05)
            deserter.leave()
            answer = phone.receive(timeout=12)
            true(answer.status in (500, 503), "answer %d while nobody may store it" % answer.status)
            server.wait(lambda: server.health()[0] == 200, "ready")
    server.wait_log("an answer that belongs to another connection of the pooler")


def test_answers_for_a_worker_that_was_killed_go_to_nobody(env):
    """PgBouncer before 1.23 gives a server away whose client has gone with answers still to come. Who gets it would take them for its
    own, and answer 200 to what is not stored."""
    server, _, _ = pooled(env, changes={**UNNAMED, "server": {"workers": "2"}}, default_pool_size=2)
    server.start()
    load = Load(server, 40)
    with load:
        for _ in range(12):
            load.more(60)
            os.kill(workers(server)[0], signal.SIGKILL)
            wait_workers(server, 2)
        load.more()
    load.judge(silence=True)
