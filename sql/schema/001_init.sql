-- Accounts, addresses-of-record, secrets of the cluster. Applied by `rollcallctl db migrate` in one transaction.
-- The contract for other programs (view binding, json keys, versions, roles) is docs/schema.md.
--
-- An address-of-record is one row with its version and its bindings, because RFC 3261 §10.3 step 7 wants them to change
-- together or not at all: a commit is one guarded update of one row. Refreshes touch no indexed column, so they stay HOT.

-- Each file of sql/schema/ ends by adding its number here.
create table schema_version (
	version integer primary key,
	applied_at timestamptz not null default now()
);

-- Who may log in. Hashes only: H(login:domain:password), one for each algorithm (RFC 7616 §3.4.2). What an INSERT leaves
-- out of aor, domain, username and login follows from the rest: (username, domain) or (aor) is enough.
create table account (
	-- canonical: user@domain, every octet of the user part outside the unreserved characters as %HH
	aor text collate "C" primary key,
	domain text collate "C" not null,
	username text collate "C" not null, -- the user part of aor
	login text collate "C" not null, -- digest user name as wire text; the unescaped user part unless set
	enabled boolean not null default true,
	-- null: only its own address; {*}: every address of its domain; else a list of canonical addresses
	may_register text[] collate "C",
	ha1_md5 text,
	ha1_sha256 text,
	ha1_sha512_256 text,
	display_name text,
	max_contacts integer, -- null: registration.max_contacts
	created_at timestamptz not null default now(),
	changed_at timestamptz not null default now(),
	unique (domain, login),
	constraint aor_is_username_at_domain check (aor = username || '@' || domain),
	-- what follows would otherwise never match a request, and nobody would know why
	constraint username_is_canonical check (username ~ '^([A-Za-z0-9_.!~*''()-]|%[0-9A-F]{2})+$'),
	constraint domain_is_lower_case check (domain = lower(domain) and domain ~ '^[!-~]+$'),
	constraint login_is_wire_text check (login ~ '^([ -\[\]-~]|\\x[0-9A-F]{2})+$'),
	constraint may_register_has_no_null check (array_position(may_register, null) is null),
	constraint ha1_md5_is_hex check (ha1_md5 ~ '^[0-9a-f]{32}$'),
	constraint ha1_sha256_is_hex check (ha1_sha256 ~ '^[0-9a-f]{64}$'),
	constraint ha1_sha512_256_is_hex check (ha1_sha512_256 ~ '^[0-9a-f]{64}$'),
	constraint max_contacts_is_positive check (max_contacts > 0)
);

-- The bindings of one address. Rows are made and deleted with the account of the address, never by a REGISTER, so that a
-- version never starts again. The room left in each page lets a refresh stay in it.
create table aor (
	aor text collate "C" primary key references account on delete cascade,
	domain text collate "C" not null,
	username text collate "C" not null,
	version bigint not null,
	format smallint not null default 1, -- of the two json columns, so that two releases can share the table
	bindings jsonb not null default '[]' check (jsonb_typeof(bindings) = 'array'),
	marks jsonb not null default '{}' check (jsonb_typeof(marks) = 'object'), -- nonce counts
	expires_at timestamptz, -- of the last binding; null: no binding
	node text -- that wrote last
) with (fillfactor = 60);
create index aor_page on aor (domain, username);

-- Nonce keys and the ticket secret, shared by all nodes. Rotated by whoever sees first that the newest is old.
create table secret (
	purpose text not null check (purpose in ('nonce', 'ticket')),
	id smallint not null check (id between 0 and 255),
	secret bytea not null check (length(secret) = 32),
	created_at timestamptz not null default now(),
	primary key (purpose, id)
);

-- The digest user name that belongs to a canonical user part: %HH undone, odd octets as \xHH.
create function wire_login(username text) returns text language sql immutable parallel safe as $$
	select string_agg(
		case
			when part[1] is null then part[2]
			when part[1] ~ '^([2-6][0-9A-F]|7[0-9A-E])$' and part[1] <> '5C'
				then convert_from(decode(part[1], 'hex'), 'UTF8')
			else '\x' || part[1]
		end, '' order by position)
	from regexp_matches(username, '%([0-9A-F]{2})|([^%]+|%)', 'g') with ordinality as m (part, position)
$$;

create function account_complete() returns trigger language plpgsql as $$
begin
	if tg_op = 'INSERT' then
		new.domain := coalesce(new.domain, substring(new.aor from '[^@]*$'));
		new.username := coalesce(new.username, substring(new.aor from '^(.*)@'));
		new.aor := coalesce(new.aor, new.username || '@' || new.domain);
		new.login := coalesce(new.login, wire_login(new.username));
	else
		new.changed_at := now();
	end if;
	return new;
end $$;
create trigger account_complete before insert or update on account
	for each row execute function account_complete();

-- An account brings its address-of-record with it, and any change to it raises the version of the address: whoever decided
-- on what the account was before is refused by the guard. Not on the request path. Versions start at the microseconds of
-- the clock, so that an account deleted and made again does not repeat one. It runs as its owner, on the tables of this
-- schema only: whoever may write accounts needs no right on aor.
create function account_touch_aor() returns trigger language plpgsql security definer as $$
begin
	update aor set version = version + 1 where aor.aor = new.aor;
	if not found then
		insert into aor (aor, domain, username, version)
		values (new.aor, new.domain, new.username, (extract(epoch from clock_timestamp()) * 1000000)::bigint);
	end if;
	return null;
end $$;
do $$
begin
	execute pg_catalog.format('alter function account_touch_aor() set search_path = %I, pg_temp', current_schema());
end $$;
create trigger account_touch_aor after insert or update on account
	for each row execute function account_touch_aor();

-- Undoes the \xHH of wire text for people: UTF-8 beyond U+009F and the backslash are shown as they are, control characters
-- and what is not UTF-8 stay escaped. Programs that need the octets read the column bindings. The first function is the
-- part that costs something; the second is inlined and skips it for nearly every value.
create function wire_text_decoded(wire text) returns text language sql immutable parallel safe as $$
	select string_agg(
		case
			when part[1] is not null then convert_from(decode(translate(part[1], '\xX', ''), 'hex'), 'UTF8')
			when part[2] is not null then '\'
			else part[3]
		end, '' order by position)
	from regexp_matches(wire,
		'(?i)('
		'\\xC2\\x[AB][0-9A-F]|\\x(?:C[3-9A-F]|D[0-9A-F])\\x[89AB][0-9A-F]|'
		'(?:\\xE0\\x[AB][0-9A-F]|\\x(?:E[1-9A-CEF])\\x[89AB][0-9A-F]|\\xED\\x[89][0-9A-F])\\x[89AB][0-9A-F]|'
		'(?:\\xF0\\x[9AB][0-9A-F]|\\xF[1-3]\\x[89AB][0-9A-F]|\\xF4\\x8[0-9A-F])(?:\\x[89AB][0-9A-F]){2}'
		')|(\\x5C)|([^\\]+|\\)', 'g') with ordinality as m (part, position)
$$;
create function wire_text(wire text) returns text language sql immutable parallel safe as $$
	select case when position('\' in wire) = 0 then wire else wire_text_decoded(wire) end
$$;

-- One row a live binding, typed, for lists and for people in psql. A documented contract: docs/schema.md.
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
	(b ->> 'r')::bigint as requested
from aor a, jsonb_array_elements(a.bindings) b
where a.expires_at > now() and (b ->> 'e')::bigint > extract(epoch from now()) * 1000;

-- Group roles: the daemon's login is a member of rollcall_daemon, readers (a proxy, a dashboard) of rollcall_reader. The
-- tables belong to whoever migrates. Where he may not make roles (managed databases), somebody else does, before or after.
do $$
declare
	wanted text;
begin
	foreach wanted in array array['rollcall_daemon', 'rollcall_reader'] loop
		if not exists (select from pg_roles where rolname = wanted) then
			begin
				execute pg_catalog.format('create role %I nologin', wanted);
			exception
				when duplicate_object or unique_violation then
					null; -- somebody else made it just now
				when insufficient_privilege then
					raise warning 'role % is missing and may not be made by %; see docs/schema.md',
						wanted, current_user;
					continue;
			end;
		end if;
		execute pg_catalog.format('grant usage on schema %I to %I', current_schema(), wanted);
		execute pg_catalog.format('grant select on binding, schema_version to %I', wanted);
		if wanted = 'rollcall_daemon' then
			execute pg_catalog.format('grant select, insert, update, delete on account, aor, secret to %I', wanted);
		end if;
	end loop;
end $$;

insert into schema_version (version) values (1);
