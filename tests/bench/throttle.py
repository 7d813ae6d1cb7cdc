"""A database that commits only so many rows a second, whatever the size of the batches, without a change to the product.

A trigger for each statement that changes addresses-of-record sleeps for each row of it, as a disk or a replica would make it
wait: the connection is busy, its rows are locked, no processor time is used. With n connections each row takes n / rate.
"""
NAME = "bench_throttle"
MAKE = """
create or replace function %(name)s() returns trigger language plpgsql as $$
begin
	perform pg_sleep(%(seconds).9f * (select count(*) from changed));
	return null;
end $$;
do $$ begin
	if not exists (select from pg_trigger where tgname = '%(name)s') then
		create trigger %(name)s after update on aor referencing new table as changed for each statement
			execute function %(name)s();
	end if;
end $$;
"""


def hold(database, seconds_a_row):
    database.query(MAKE % {"name": NAME, "seconds": seconds_a_row})


def release(database):
    database.query("drop trigger if exists %s on aor" % NAME)


def calibrate(database, rate, connections, measure):
    """Holds the database to the rate; measure() gives the registrations a second that come of it. Returns the last of those."""
    a_row = connections / rate
    hold(database, a_row)
    reached = measure()
    a_row += connections / rate - connections / reached  # what a batch costs besides sleeping comes off the sleep
    hold(database, a_row)
    return measure(), a_row
