-- A page of live bindings behind (after, after_id): in order of user part and id within one domain, else in order of address
-- and id. So that no statement takes long, it looks at $4 addresses and no more, whatever the filters let through.
-- $1 after, $2 after_id, $3 rows, $4 addresses looked at, $5 domain or null, $6 and $7 bounds [from, until) of the user part
-- within a domain, else of the address; $8 now in ms since 1970, $9 transport or null, $10 prefix of the source or null,
-- $11 part of the User-Agent as wire text or null, $12 expires before, in ms since 1970, or null
-- Each row has what the statement looked at in its last columns: how many addresses, and the last of them. There is one row
-- without a binding when none was found.
with page as materialized (
	(select aor, bindings, expires_at, row_number() over (order by username) as position
	from aor
	where $5::text is not null and domain = $5 and username >= $6 and username < $7
	order by username
	limit $4::integer)
	union all
	(select aor, bindings, expires_at, row_number() over (order by aor)
	from aor
	where $5::text is null and aor >= $6 and aor < $7
	order by aor
	limit $4::integer)
), seen as (
	select count(*) as addresses, (pg_catalog.array_agg(aor order by position desc))[1] as last
	from page
), found as (
	select position, aor, (b ->> 'id'::text) collate "C" as id, b
	from page, jsonb_array_elements(bindings_readable(bindings)) b
	where expires_at > to_timestamp($8::double precision / '1000')
		and (b ->> 'e'::text)::bigint > $8::bigint
		and (aor <> $1 or (b ->> 'id'::text) collate "C" > $2)
		and ($9::text is null or b ->> 't'::text = $9)
		and ($10::text is null or substring(b ->> 'f'::text from '^[[]?([0-9A-Fa-f:.]+)[]]?:[0-9]+$')::inet <<= $10::inet)
		and ($11::text is null or position(lower($11) in lower(b ->> 'a'::text)) > 0)
		and ($12::bigint is null or (b ->> 'e'::text)::bigint < $12)
	order by position, id
	limit $3::integer
)
select aor, id, b ->> 'u'::text, b ->> 'i'::text, b ->> 't'::text, b ->> 'f'::text, b ->> 'n'::text, b ->> 'q'::text, b ->> 'c'::text, b ->> 's'::text, b ->> 'a'::text, b ->> 'k'::text,
	b ->> 'm'::text, b ->> 'e'::text, b ->> 'h'::text, coalesce(b ->> 'g'::text, b ->> 'f'::text), coalesce(b ->> 'w'::text, (b ->> 't'::text = 'tls')::text),
	addresses, last
from seen left join found on true
order by position, id
