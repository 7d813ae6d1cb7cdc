-- One step of the background count through the table in the order of its key, so that no step holds the processor for long:
-- accounts (in the first step), live bindings by domain and transport, those that
-- this node wrote last among them, and addresses that have one; and those whose bindings cannot be read. Always one row at least.
-- $1 the key after which to go on text, "" at the beginning, $2 rows a step integer, $3 now in ms since 1970,
-- $4 node text.
with page as materialized (
	select aor, domain, bindings_readable(bindings) as bindings, expires_at
	from aor
	where aor > $1::text
	order by aor
	limit $2::integer
), live as materialized (
	select p.aor, p.domain, b ->> 't'::text as transport, b ->> 'n'::text = $4::text as own
	from page p, jsonb_array_elements(p.bindings) b
	where p.expires_at > to_timestamp($3::double precision / '1000') and (b ->> 'e'::text)::bigint > $3::bigint
)
select
	(select count(*) from page) as looked_at,
	(select max(aor) from page) as last,
	(select count(*) from account where $1::text = '') as accounts,
	(select pg_catalog.count(distinct aor) from live) as addresses,
	g.domain, g.transport, g.bindings, g.users, g.own,
	(select count(*) from page where bindings is null) as unreadable,
	(select min(aor) from page where bindings is null) as first_unreadable
from (values (1)) as always
left join (
	select domain, transport, count(*) as bindings, pg_catalog.count(distinct aor) as users, count(*) filter (where own) as own
	from live group by domain, transport
) g on true
