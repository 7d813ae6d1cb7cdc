-- A page of accounts: in order of user part within one domain, else in order of address. It looks at $4 accounts and no more,
-- whatever the filters let through.
-- $1 after, $2 not used, $3 rows, $4 accounts looked at, $5 domain or null, $6 and $7 bounds [from, until) of the user part
-- within a domain, else of the address; $8 'md5-only' or null
-- Each row has what the statement looked at in its last columns: how many accounts, and the last of them. There is one row
-- without an account when none was found.
with page as materialized (
	(select aor, row_number() over (order by username) as position
	from aor
	where $5::text is not null and domain = $5 and username >= $6 and username < $7
	order by username
	limit $4::integer)
	union all
	(select aor, row_number() over (order by aor)
	from account
	where $5::text is null and aor >= $6 and aor < $7
	order by aor
	limit $4::integer)
), seen as (
	select count(*) as accounts, (pg_catalog.array_agg(aor order by position desc))[1] as last
	from page
), found as (
	select position, a.*
	from page join account a using (aor)
	where aor <> $1 and $2::text is not null
		and ($8::text is null or (ha1_md5 is not null and ha1_sha256 is null and ha1_sha512_256 is null))
	order by position
	limit $3::integer
)
select aor, username, domain, login, enabled, display_name, max_contacts, pg_catalog.array_to_json(may_register),
	ha1_md5 is not null, ha1_sha256 is not null, ha1_sha512_256 is not null,
	(extract(epoch from created_at) * '1000')::bigint, (extract(epoch from changed_at) * '1000')::bigint,
	ha1_md5, ha1_sha256, ha1_sha512_256, accounts, last
from seen left join found on true
order by position
