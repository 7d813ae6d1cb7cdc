-- A page of accounts in order of address, behind $4.
-- $1 domain or null, $2 beginning of the user part or null, $3 'md5-only' or null, $5 rows
select aor, username, domain, login, enabled, display_name, max_contacts, array_to_json(may_register),
	ha1_md5 is not null, ha1_sha256 is not null, ha1_sha512_256 is not null,
	(extract(epoch from created_at) * 1000)::bigint, (extract(epoch from changed_at) * 1000)::bigint
from account
where aor > $4
	and ($1::text is null or domain = $1)
	and ($2::text is null or starts_with(username, $2))
	and ($3::text is null or (ha1_md5 is not null and ha1_sha256 is null and ha1_sha512_256 is null))
order by aor
limit $5::integer
