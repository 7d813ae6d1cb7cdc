-- Many commits at once, each guarded by the version of its row: those that were done return their place, the others nothing.
-- The caller gives them in the order of their keys, and the plan keeps it, so that two nodes never wait for each other in a
-- circle: the settings of session.sql leave only nested loops, and with a limit that the planner does not know it takes the
-- arrays for one row, which come first then, whatever it believes of the table when it makes the plan that is kept.
-- $1 addresses-of-record text[], $2 versions bigint[], $3 bindings text[], $4 marks text[], $5 the moment the last binding
-- expires or null: timestamptz[], $6 node text, $7 until when it may be done, by this clock, or null: timestamptz[].
update aor a
set
	version = a.version + 1,
	format = 1,
	bindings = c.bindings,
	marks = c.marks,
	expires_at = c.expires_at,
	node = $6::text
from (
	select *
	from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $7::timestamptz[]) with ordinality
		as arrays (aor, version, bindings, marks, expires_at, until, n)
	limit pg_catalog.cardinality($1::text[])
) as c
where a.aor = c.aor and a.version = c.version and (c.until is null or c.until >= clock_timestamp())
returning c.n
