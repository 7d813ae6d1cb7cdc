-- Would the database answer a look-up? Asked where look-ups were refused: reads what lookup.sql reads, of the account at one end of
-- the table.
-- $1 true: the first account, false: the last boolean.
with chosen as (
	(select aor from account where $1::boolean order by aor limit 1)
	union all
	(select aor from account where not $1::boolean order by aor desc limit 1)
)
select
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
	login.may_register
from (select 1) as one
left join chosen on true
left join aor a on a.aor = chosen.aor
left join account own on own.aor = chosen.aor
left join account login on login.domain = own.domain and login.login = own.login
