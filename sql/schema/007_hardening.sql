-- Who has a log-in of this database and no right of ours runs none of his code in our place; and what the schema promises also holds
-- under settings of a session or of the database that are not the usual ones. Only added to, and of rows only accounts are looked at,
-- while nobody but who writes accounts waits; a version without this goes on beside it.

-- Wire text and display names hold any character there is: in another encoding a phone could store one that nobody can read any more.
do $$
begin
	if pg_catalog.current_setting('server_encoding') <> 'UTF8' then
		raise exception 'the database has the encoding %, and rollcall needs UTF8',
				pg_catalog.current_setting('server_encoding')
			using hint = 'create database … encoding ''UTF8'' template template0, and restore a dump into it';
	end if;
end $$;

-- Functions of this schema name it when they call each other, since a dump is restored, a foreign table read and a view made by people
-- with another search_path. Strings with a backslash are written so that standard_conforming_strings = off changes nothing. Operators
-- and functions are given exactly the types that they have: an operator found by way of a cast gives way to one of the right types that
-- somebody put into a schema of the search_path (docs/schema.md).

-- The rule that an account breaks, null for none: spellings that would never match a request, because it is compared in canonical form.
-- An escape of what needs none; in may_register whatever is no address.
create function account_rule_broken(username text, login text, may_register text[]) returns text
language sql immutable parallel safe as $$
	select case
		when username ~ '%(2[1789ADE]|3[0-9]|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])' then 'username_escapes_what_it_must'
		when login ~ E'\\\\x([2-4][0-9A-F]|5[0-9ABDEF]|6[0-9A-F]|7[0-9A-E])' then 'login_escapes_what_it_must'
		-- no element is empty or holds the space that stands between them here
		when pg_catalog.array_position(may_register, '') is not null
			or position(' ' in pg_catalog.array_to_string(may_register, '')) > 0
			or pg_catalog.array_to_string(may_register, ' ') !~ '^((^| )([*]|([A-Za-z0-9_.!~*''()-]|'
				'%([018-9A-F][0-9A-F]|2[02-6BCF]|3[A-F]|40|5[B-E]|60|7[B-DF]))+'
				'@([a-z0-9._-]+|[[][0-9a-f:.]+[]])))*$'
			then 'may_register_is_canonical'
	end
$$;

-- A trigger function cannot be called, but whoever may execute it may hang it on a table of his own, with columns of a type of his own
-- that has casts of his own, which then run as the owner of account_touch_aor. So nobody else may execute it, and it refuses any table
-- but its own before it looks at a column: PL/pgSQL plans a statement when it comes to it. Who changes accounts needs no such right.
--
-- It is also called where other triggers are off, as when changes come by logical replication: a node that remembers an account must
-- see that it was changed. There the rows of aor come by the same way, or are copied, so it makes none; and a deleted account takes
-- its row with it, for which there is a foreign key otherwise.
do $$
begin
	execute pg_catalog.format($body$
create or replace function account_touch_aor() returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp as $function$
begin
	if tg_table_schema <> %1$L or tg_table_name <> 'account' then
		raise exception 'account_touch_aor is for the table account alone' using errcode = 'insufficient_privilege';
	end if;
	if tg_op = 'DELETE' then
		delete from %1$I.aor where aor.aor = old.aor;
		return null;
	end if;
	update %1$I.aor set version = version + 1 where aor.aor = new.aor;
	if not found and current_setting('session_replication_role') <> 'replica' then
		insert into %1$I.aor (aor, domain, username, version)
		values (new.aor, new.domain, new.username, (extract(epoch from clock_timestamp()) * 1000000)::bigint);
	end if;
	return null;
end $function$
	$body$, pg_catalog.current_schema());

	execute pg_catalog.format($body$
create or replace function account_complete() returns trigger language plpgsql as $function$
begin
	if tg_op = 'INSERT' then
		new.domain := coalesce(new.domain, substring(new.aor from '[^@]*$'));
		new.username := coalesce(new.username, substring(new.aor from '^(.*)@'));
		new.aor := coalesce(new.aor, new.username || '@' || new.domain);
		new.login := coalesce(new.login, %1$I.wire_login(new.username));
	else
		new.changed_at := now();
	end if;
	return new;
end $function$
	$body$, pg_catalog.current_schema());

	-- Rows that broke a rule before there was the rule can still be disabled, given a password, dumped and restored: asked is what is
	-- written anew.
	execute pg_catalog.format($body$
create function account_spelling() returns trigger language plpgsql as $function$
declare
	broken text := %1$I.account_rule_broken(
		case when tg_op = 'INSERT' or new.username is distinct from old.username then new.username end,
		case when tg_op = 'INSERT' or new.login is distinct from old.login then new.login end,
		case when tg_op = 'INSERT' or pg_catalog.array_to_json(new.may_register)::text is distinct from
			pg_catalog.array_to_json(old.may_register)::text then new.may_register end);
begin
	if broken is not null then
		raise check_violation using message = 'account ' || new.aor || ' breaks the rule ' || broken,
			constraint = broken, schema = tg_table_schema, table = tg_table_name;
	end if;
	return new;
end $function$
	$body$, pg_catalog.current_schema());

	-- inlined into a query, so without a search_path of its own
	execute pg_catalog.format($body$
create or replace function wire_text(wire text) returns text language sql immutable parallel safe as $function$
	select case when position(E'\\' in wire) = 0 then wire else %1$I.wire_text_decoded(wire) end
$function$
	$body$, pg_catalog.current_schema());
end $$;
revoke execute on function account_touch_aor(), account_complete(), account_spelling() from public;

-- What can never match gives nobody anything, so it goes: who writes such a list anew, as an import does, would be refused for it. A list
-- of which nothing is left stays a list: null would be the account's own address.
lock table account in share row exclusive mode;
-- The rows of aor stay free for whoever registers: what goes from the lists was good for nothing, so nobody has to hear of it. It is
-- switched on again below.
alter table account disable trigger account_touch_aor;
update account
set may_register = array(
	select entry
	from pg_catalog.unnest(may_register) with ordinality as listed (entry, place)
	where account_rule_broken(null::text, null::text, array[entry]) is null
	order by place)
where may_register is not null and account_rule_broken(null::text, null::text, may_register) is not null;

-- behind account_complete, by its name
create trigger account_spelling before insert or update on account
	for each row execute function account_spelling();
create trigger account_touch_aor_of_deleted after delete on account
	for each row when (current_setting('session_replication_role') = 'replica') execute function account_touch_aor();

-- As in 001.
create or replace function wire_login(username text) returns text language sql immutable parallel safe as $$
	select string_agg(
		case
			when part[1] is null then part[2]
			when part[1] ~ '^([2-6][0-9A-F]|7[0-9A-E])$' and part[1] <> '5C'
				then convert_from(decode(part[1], 'hex'), 'UTF8'::name)
			else E'\\x' || part[1]
		end, '' order by position)
	from regexp_matches(username, '%([0-9A-F]{2})|([^%]+|%)', 'g') with ordinality as m (part, position)
$$;

create or replace function wire_text_decoded(wire text) returns text language sql immutable parallel safe as $$
	select string_agg(
		case
			when part[1] is not null then convert_from(decode(translate(part[1], E'\\xX', ''), 'hex'), 'UTF8'::name)
			when part[2] is not null then E'\\'
			else part[3]
		end, '' order by position)
	from regexp_matches(wire,
		E'(?i)('
		'\\\\xC2\\\\x[AB][0-9A-F]|\\\\x(?:C[3-9A-F]|D[0-9A-F])\\\\x[89AB][0-9A-F]|'
		'(?:\\\\xE0\\\\x[AB][0-9A-F]|\\\\x(?:E[1-9A-CEF])\\\\x[89AB][0-9A-F]|\\\\xED\\\\x[89][0-9A-F])\\\\x[89AB][0-9A-F]|'
		'(?:\\\\xF0\\\\x[9AB][0-9A-F]|\\\\xF[1-3]\\\\x[89AB][0-9A-F]|\\\\xF4\\\\x8[0-9A-F])(?:\\\\x[89AB][0-9A-F]){2}'
		')|(\\\\x5C)|([^\\\\]+|\\\\)', 'g') with ordinality as m (part, position)
$$;

-- As in 002.
create or replace function user_unescaped(username text) returns text language sql immutable parallel safe as $$
	select case when position('%' in username) = 0 then username else (
		select string_agg(
			case
				when part[1] is not null then convert_from(decode(replace(part[1], '%', ''), 'hex'), 'UTF8'::name)
				else part[2]
			end, '' order by position)
		from regexp_matches(username,
			'('
			'%[2-6][0-9A-F]|%7[0-9A-E]|'
			'(?:%C[2-9A-F]|%D[0-9A-F])%[89AB][0-9A-F]|'
			'(?:%E0%[AB][0-9A-F]|%E[1-9A-CEF]%[89AB][0-9A-F]|%ED%[89][0-9A-F])%[89AB][0-9A-F]|'
			'(?:%F0%[9AB][0-9A-F]|%F[1-3]%[89AB][0-9A-F]|%F4%8[0-9A-F])(?:%[89AB][0-9A-F]){2}'
			')|([^%]+|%)', 'g') with ordinality as m (part, position)
	) end
$$;
create or replace function nat_source(contact text, source text, transport text) returns text language sql immutable parallel safe as $$
	select case
		when source is null or host is null then null
		when host ~ '^([0-9.]+|[[].*[]])$' and lower(host) = regexp_replace(source, ':[0-9]+$', '') then null
		when host ~* '^([0-9.]+|[[].*[]]|.*[.]invalid[.]?)$'
			then 'sip:' || source || case when transport = 'udp' then '' else ';transport=' || transport end
	end
	from substring(contact from '(?i)^sips?:(?:[^@]*@)?([[][^]]*[]]|[^]:;?[]*)') as host
$$;

-- As in 006.
create or replace function bindings_readable(list text) returns jsonb language plpgsql immutable strict as $$
begin
	perform (b ->> 'e'::text)::bigint, substring(b ->> 'f'::text from '^[[]?([0-9A-Fa-f:.]+)[]]?:[0-9]+$')::inet
		from pg_catalog.jsonb_array_elements(list::jsonb) b;
	return list::jsonb;
exception when data_exception or program_limit_exceeded then -- the latter: nested too deep
	return null;
end $$;

-- As in 001; not valid, so that the table is not read while nobody may read it.
alter table account
	drop constraint may_register_has_no_null,
	add constraint may_register_has_no_null check (pg_catalog.array_position(may_register, null) is null) not valid,
	enable always trigger account_touch_aor,
	enable always trigger account_touch_aor_of_deleted;

-- As in 004. A view keeps the operators that it found when it was made, those of a stranger too, so all are asked for anew. A literal
-- between operators has its type, or it is taken for whatever is on the other side.
create or replace view binding as
select
	b ->> 'id'::text as id,
	a.aor,
	a.domain,
	a.username,
	wire_text(b ->> 'u'::text) as contact,
	wire_text(b ->> 'd'::text) as display,
	wire_text(b ->> 'p'::text) as params,
	(b ->> 'q'::text)::integer::numeric / 1000.0 as q,
	wire_text(b ->> 'c'::text) as call_id,
	(b ->> 's'::text)::bigint as cseq,
	wire_text(b ->> 'i'::text) as instance,
	wire_text(b ->> 'a'::text) as user_agent,
	wire_text(b ->> 'n'::text) as node,
	b ->> 't'::text as transport,
	wire_text(b ->> 'f'::text) as source,
	to_timestamp((b ->> 'k'::text)::bigint::double precision / 1000::double precision) as created_at,
	to_timestamp((b ->> 'm'::text)::bigint::double precision / 1000::double precision) as updated_at,
	to_timestamp((b ->> 'e'::text)::bigint::double precision / 1000::double precision) as expires_at,
	(b ->> 'r'::text)::bigint as requested,
	wire_text(b ->> 'h'::text) as path,
	wire_text(coalesce(b ->> 'g'::text, b ->> 'f'::text)) as peer,
	coalesce((b ->> 'w'::text)::boolean, b ->> 't'::text = 'tls') as secure
from aor a, jsonb_array_elements(a.bindings::jsonb) b
where a.expires_at > now() and (b ->> 'e'::text)::bigint::numeric > (extract(epoch from now()) * '1000')::numeric;

create or replace view kamailio_location as
select
	-- spreads rows over timers that take their share by id; it is no key
	('x' || right(md5(b ->> 'id'::text), 7))::bit(28)::integer as id,
	b ->> 'id'::text as ruid,
	a.called as username,
	a.domain,
	wire_text(b ->> 'u'::text) as contact,
	case when b ? 'h'::text then null else nat_source(wire_text(b ->> 'u'::text), b ->> 'f'::text, b ->> 't'::text) end as received,
	wire_text(b ->> 'h'::text) as path,
	to_timestamp((b ->> 'e'::text)::bigint::double precision / 1000::double precision)::timestamp(0) without time zone as expires,
	coalesce((b ->> 'q'::text)::integer, -1)::real::double precision / 1000::double precision as q, -- -1 there: not given
	wire_text(b ->> 'c'::text) as callid,
	least((b ->> 's'::text)::bigint, 2147483647)::integer as cseq,
	to_timestamp((b ->> 'm'::text)::bigint::double precision / 1000::double precision)::timestamp(0) without time zone as last_modified,
	0 as flags,
	0 as cflags,
	coalesce(wire_text(b ->> 'a'::text), 'n/a') as user_agent, -- as Kamailio does; about none it complains at each look-up
	null::text as socket,
	null::integer as methods, -- all
	wire_text(b ->> 'i'::text) as instance,
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
where a.expires_at > now() and (b ->> 'e'::text)::bigint::numeric > (extract(epoch from now()) * '1000')::numeric
	and b ->> 'u'::text ~* '^sips?:'; -- nothing else is anything to send a request to

-- Where `alter default privileges` took it from everybody.
do $$
begin
	if exists (select from pg_catalog.pg_roles where rolname = 'rollcall_daemon') then
		grant execute on function bindings_readable(text), jsonb_array_length(text), jsonb_array_elements(text),
			wire_text(text), wire_text_decoded(text), wire_login(text), user_unescaped(text),
			nat_source(text, text, text), account_rule_broken(text, text, text[]) to rollcall_daemon;
	end if;
	if exists (select from pg_catalog.pg_roles where rolname = 'rollcall_reader') then
		grant execute on function wire_text(text), wire_text_decoded(text), user_unescaped(text),
			nat_source(text, text, text) to rollcall_reader;
	end if;
end $$;

insert into schema_version (version) values (7);
