-- The record of one look-up; the columns of lookup.sql.
-- $1 address-of-record, $2 domain, $3 login: text.
select
	1 as n,
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
	(extract(epoch from clock_timestamp()) * '1000')::bigint as clock_ms
from (select 1) as one
left join aor a on a.aor = $1::text
left join account own on own.aor = $1::text
left join account login on login.domain = $2::text and login.login = $3::text
