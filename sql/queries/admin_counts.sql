-- Background count for status: accounts, addresses with a live binding, bindings of those addresses. $1 now in ms since 1970
select (select count(*) from account), count(*), coalesce(sum(jsonb_array_length(bindings)), 0)
from aor
where expires_at > to_timestamp($1::double precision / 1000)
