-- Background count for status: accounts, addresses with a live binding, bindings of those addresses, and how many of them
-- this node wrote last. $1 now in ms since 1970, $2 node
select (select count(*) from account), count(*), coalesce(sum(jsonb_array_length(bindings)), 0),
	coalesce(sum((select count(*) from jsonb_array_elements(bindings) b where b ->> 'n' = $2::text)), 0)
from aor
where expires_at > to_timestamp($1::double precision / 1000)
