-- A page of live bindings in order of address and id, behind (after_aor, after_id).
-- $1 domain or null, $2 beginning of the user part or null, $3 transport or null, $4 after_aor, $5 after_id, $6 rows,
-- $7 now in ms since 1970
select a.aor, b ->> 'id', b ->> 'u', b ->> 'i', b ->> 't', b ->> 'f', b ->> 'n', b ->> 'q', b ->> 'c', b ->> 's', b ->> 'a',
	b ->> 'k', b ->> 'm', b ->> 'e', b ->> 'h', coalesce(b ->> 'g', b ->> 'f'), coalesce(b ->> 'w', (b ->> 't' = 'tls')::text)
from aor a, jsonb_array_elements(a.bindings) b
where a.expires_at > to_timestamp($7::double precision / 1000)
	and ($1::text is null or a.domain = $1)
	and ($2::text is null or starts_with(a.username, $2))
	and ($3::text is null or b ->> 't' = $3)
	and (b ->> 'e')::bigint > $7::bigint
	and a.aor >= $4
	and (a.aor, b ->> 'id') > ($4, $5)
order by a.aor, b ->> 'id'
limit $6::integer
