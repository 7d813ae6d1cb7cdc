-- As commit.sql, while somebody was seen to hold rows: one that is locked is not waited for, because whatever is behind it on this
-- connection would wait as well. What was done returns its place and false, what is locked its place and true, the others nothing.
-- $1 addresses-of-record text[], $2 versions bigint[], $3 bindings text[], $4 marks text[], $5 the moment the last binding
-- expires or null: timestamptz[], $6 node text, $7 until when it may be done, by this clock, or null: timestamptz[].
with wanted as materialized (
	select *
	from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $7::timestamptz[]) with ordinality
		as arrays (aor, version, bindings, marks, expires_at, until, n)
	where until is null or until >= clock_timestamp()
	limit pg_catalog.cardinality($1::text[])
), free as materialized (
	select c.*
	from wanted as c
	join aor a on a.aor = c.aor and a.version = c.version
	for no key update of a skip locked
), done as (
	update aor a
	set
		version = a.version + 1,
		format = 1,
		bindings = c.bindings,
		marks = c.marks,
		expires_at = c.expires_at,
		node = $6::text
	from free as c
	where a.aor = c.aor and a.version = c.version
	returning c.n
)
select n, false as locked from done
union all
select c.n, true
from wanted as c
join aor a on a.aor = c.aor and a.version = c.version
where not exists (select from free where free.n = c.n)
