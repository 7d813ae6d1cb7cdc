-- One account. $1 aor
select aor, username, domain, login, enabled, display_name, max_contacts, pg_catalog.array_to_json(may_register),
	ha1_md5 is not null, ha1_sha256 is not null, ha1_sha512_256 is not null,
	(extract(epoch from created_at) * '1000')::bigint, (extract(epoch from changed_at) * '1000')::bigint
from account
where aor = $1
