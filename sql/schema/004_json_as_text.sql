-- The two JSON columns of an address-of-record become text. A registration only writes them and reads them as a whole, and jsonb
-- that is taken apart and put together again for that costs as much as the update itself. What is in them stays the same; the
-- views read them as before, others cast: bindings::jsonb. The table is written anew, about ten seconds for a million
-- addresses, and nodes answer 503 meanwhile. Views of others that
-- are built on these two must be dropped before, and rights on the two that others gave must be given again.
drop view binding;
drop view kamailio_location;

alter table aor
	drop constraint aor_bindings_check,
	drop constraint aor_marks_check,
	alter bindings drop default,
	alter bindings type text collate "C" using bindings::text,
	alter bindings set default '[]',
	add constraint bindings_is_an_array check (starts_with(bindings, '[')),
	alter marks drop default,
	alter marks type text collate "C" using marks::text,
	alter marks set default '{}',
	add constraint marks_is_an_object check (starts_with(marks, '{'));

-- For nodes that are not upgraded yet: their statements call these with the columns.
create function jsonb_array_length(list text) returns integer language sql immutable strict parallel safe as $$
	select pg_catalog.jsonb_array_length(list::jsonb)
$$;
create function jsonb_array_elements(list text) returns setof jsonb language sql immutable strict parallel safe as $$
	select pg_catalog.jsonb_array_elements(list::jsonb)
$$;

-- As in 002, of text.
create view binding as
select
	b ->> 'id' as id,
	a.aor,
	a.domain,
	a.username,
	wire_text(b ->> 'u') as contact,
	wire_text(b ->> 'd') as display,
	wire_text(b ->> 'p') as params,
	(b ->> 'q')::integer / 1000.0 as q,
	wire_text(b ->> 'c') as call_id,
	(b ->> 's')::bigint as cseq,
	wire_text(b ->> 'i') as instance,
	wire_text(b ->> 'a') as user_agent,
	wire_text(b ->> 'n') as node,
	b ->> 't' as transport,
	wire_text(b ->> 'f') as source,
	to_timestamp((b ->> 'k')::bigint / 1000.0) as created_at,
	to_timestamp((b ->> 'm')::bigint / 1000.0) as updated_at,
	to_timestamp((b ->> 'e')::bigint / 1000.0) as expires_at,
	(b ->> 'r')::bigint as requested,
	wire_text(b ->> 'h') as path,
	wire_text(coalesce(b ->> 'g', b ->> 'f')) as peer,
	coalesce((b ->> 'w')::boolean, b ->> 't' = 'tls') as secure
from aor a, jsonb_array_elements(a.bindings::jsonb) b
where a.expires_at > now() and (b ->> 'e')::bigint > extract(epoch from now()) * 1000;

-- As in 002, of text.
create view kamailio_location as
select
	-- spreads rows over timers that take their share by id; it is no key
	('x' || right(md5(b ->> 'id'), 7))::bit(28)::integer as id,
	b ->> 'id' as ruid,
	a.called as username,
	a.domain,
	wire_text(b ->> 'u') as contact,
	case when b ? 'h' then null else nat_source(wire_text(b ->> 'u'), b ->> 'f', b ->> 't') end as received,
	wire_text(b ->> 'h') as path,
	to_timestamp((b ->> 'e')::bigint / 1000.0)::timestamp(0) without time zone as expires,
	coalesce((b ->> 'q')::integer, -1)::real / 1000 as q, -- -1 there: not given
	wire_text(b ->> 'c') as callid,
	least((b ->> 's')::bigint, 2147483647)::integer as cseq,
	to_timestamp((b ->> 'm')::bigint / 1000.0)::timestamp(0) without time zone as last_modified,
	0 as flags,
	0 as cflags,
	coalesce(wire_text(b ->> 'a'), 'n/a') as user_agent, -- as Kamailio does; about none it complains at each look-up
	null::text as socket,
	null::integer as methods, -- all
	wire_text(b ->> 'i') as instance,
	0 as reg_id,
	0 as server_id,
	-1 as connection_id, -- none of Kamailio's
	0 as keepalive,
	0 as partition
from (
	select domain, username as called, expires_at, bindings from aor where position('%' in username) = 0
	union all
	select domain, user_unescaped(username), expires_at, bindings from aor where position('%' in username) > 0
) a, jsonb_array_elements(a.bindings::jsonb) b
where a.expires_at > now() and (b ->> 'e')::bigint > extract(epoch from now()) * 1000
	and b ->> 'u' ~* '^sips?:'; -- nothing else is anything to send a request to

-- Their rights went with the old ones.
do $$
begin
	if exists (select from pg_roles where rolname = 'rollcall_daemon') then
		grant select on binding to rollcall_daemon;
	else
		raise warning 'role rollcall_daemon is missing: it may not read binding; see docs/schema.md';
	end if;
	if exists (select from pg_roles where rolname = 'rollcall_reader') then
		grant select on binding, kamailio_location to rollcall_reader;
	else
		raise warning 'role rollcall_reader is missing: it may not read binding and kamailio_location; see docs/schema.md';
	end if;
end $$;

insert into schema_version (version) values (4);
