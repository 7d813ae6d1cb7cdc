-- Many commits at once, each guarded by its own version: those that were done return their place, the others nothing.
-- Rows are locked in the order of their keys, so that two nodes never wait for each other in a circle.
-- $1 addresses-of-record text[], $2 versions bigint[], $3 bindings jsonb[], $4 marks jsonb[], $5 the moment the last binding
-- expires, in milliseconds since 1970 or null: bigint[], $6 node text.
with change as (
	select *
	from unnest($1::text[], $2::bigint[], $3::jsonb[], $4::jsonb[], $5::bigint[]) with ordinality
		as c (aor, version, bindings, marks, expires_ms, n)
), locked as materialized (
	select aor from aor where aor = any ($1::text[]) order by aor for no key update
)
update aor a
set
	version = a.version + 1,
	format = 1,
	bindings = c.bindings,
	marks = c.marks,
	expires_at = to_timestamp(c.expires_ms / 1000.0),
	node = $6::text
from locked l
join change c on c.aor = l.aor
where a.aor = l.aor and a.version = c.version
returning c.n
