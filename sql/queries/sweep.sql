-- One step of the sweep through the table in the order of its key: empties the rows of one page whose last binding has
-- expired. Rows that somebody is changing are left for the next pass. The clock is the database's: that of one node, if it
-- were wrong, could end what is alive. Bindings that cannot be read are not counted.
-- $1 the key after which to go on text, $2 rows a page integer, $3 node text.
with page as materialized (
	select aor from aor where aor > $1::text order by aor limit $2::integer
), expired as materialized (
	select aor, version, jsonb_array_length(bindings_readable(bindings)) as bindings
	from aor
	where aor in (select aor from page) and expires_at < now()
	order by aor
	for no key update skip locked
), swept as (
	update aor a
	set version = a.version + 1, bindings = '[]', expires_at = null, node = $3::text
	from expired e
	where a.aor = e.aor and a.version = e.version
	returning e.bindings
)
select
	(select count(*) from page) as looked_at,
	(select max(aor) from page) as last,
	(select coalesce(sum(bindings), 0) from swept) as bindings
