-- lookup.sql in a transaction that writes to the log, so that its end waits until the standby has what was read as well: a row may
-- be seen whose own wait was ended, by pg_cancel_backend or with its backend.
-- $1 addresses-of-record, $2 domains, $3 logins: text[] of equal length.
select
	i.n,
	a.version,
	a.format,
	a.bindings,
	a.marks,
	own.max_contacts,
	login.aor,
	login.enabled,
	login.ha1_md5,
	login.ha1_sha256,
	login.ha1_sha512_256,
	pg_catalog.to_json(login.may_register) as may_register,
	(extract(epoch from clock_timestamp()) * '1000')::bigint as clock_ms,
	(select pg_logical_emit_message(true, 'rollcall', '')) as waits
from unnest($1::text[], $2::text[], $3::text[]) with ordinality as i (aor, domain, login, n)
left join aor a on a.aor = i.aor
left join account own on own.aor = i.aor
left join account login on login.domain = i.domain and login.login = i.login
