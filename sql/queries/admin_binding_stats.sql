-- Live bindings of the next addresses by one of their properties; the caller adds up. $1 after, $2 addresses looked at,
-- $3 now in ms since 1970, $4 what by: agent, transport, domain or node
-- Each row has in its last columns how many addresses that were, and the last of them. There is one row without a value when
-- none has a live binding.
with page as materialized (
	select aor, domain, bindings, expires_at
	from aor
	where aor > $1
	order by aor
	limit $2::integer
), found as (
	select case $4::text
			when 'domain' then domain
			when 'transport' then b ->> 't'::text
			when 'node' then b ->> 'n'::text
			else b ->> 'a'::text
		end as value, count(*) as bindings
	from page, jsonb_array_elements(bindings_readable(bindings)) b
	where expires_at > to_timestamp($3::double precision / '1000') and (b ->> 'e'::text)::bigint > $3::bigint
	group by 1
)
select value, bindings, addresses, last
from (select count(*) as addresses, max(aor) as last from page) seen left join found on true
