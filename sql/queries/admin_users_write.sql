-- Accounts by the batch. $1 json array of objects with the columns, $2 what to do with an address that exists:
-- 'fail' and 'skip' leave it, 'update' replaces login and hashes, which belong together, and what else is given. One row
-- back for each that was written: its address and whether it is new; with null for one that exists and was left. A row whose
-- login belongs to another address of the domain is left out; the caller gives no address and no login twice.
with given as (
	select g.*, document
	from jsonb_array_elements($1::jsonb) as document,
		jsonb_to_record(document) as g(aor text, domain text, username text, login text, enabled boolean, display_name text,
			max_contacts integer, may_register text[], ha1_md5 text, ha1_sha256 text, ha1_sha512_256 text)
	where not exists (select from account o where o.domain = g.domain and o.login = g.login and o.aor <> g.aor)
), updated as (
	update account a set
		enabled = coalesce(g.enabled, a.enabled),
		display_name = case when g.document ? 'display_name'::text then g.display_name else a.display_name end,
		max_contacts = case when g.document ? 'max_contacts'::text then g.max_contacts else a.max_contacts end,
		may_register = case when g.document ? 'may_register'::text then g.may_register else a.may_register end,
		login = g.login,
		ha1_md5 = g.ha1_md5,
		ha1_sha256 = g.ha1_sha256,
		ha1_sha512_256 = g.ha1_sha512_256,
		changed_at = now()
	from given g
	where $2 = 'update' and a.aor = g.aor
	returning a.aor
), added as (
	insert into account (aor, domain, username, login, enabled, display_name, max_contacts, may_register, ha1_md5, ha1_sha256,
		ha1_sha512_256)
	select aor, domain, username, login, coalesce(enabled, true), display_name, max_contacts, may_register, ha1_md5, ha1_sha256,
		ha1_sha512_256
	from given g
	where not exists (select from account o where o.aor = g.aor)
	on conflict do nothing
	returning aor
)
select aor, true from added
union all
select aor, false from updated
union all
select document ->> 'aor'::text, null from jsonb_array_elements($1::jsonb) as document
where $2 <> 'update' and exists (select from account o where o.aor = document ->> 'aor'::text)
