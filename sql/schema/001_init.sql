-- Accounts, addresses-of-record, secrets of the cluster. Applied by `rollcallctl db migrate` in one transaction.
--
-- An address-of-record is one row with its version and its bindings, because RFC 3261 §10.3 step 7 wants them to change
-- together or not at all: a commit is one guarded update of one row. Refreshes touch no indexed column, so they stay HOT.

-- Group roles: the daemon's login is a member of rollcall_daemon, readers (a proxy, a dashboard) of rollcall_reader.
-- The tables belong to whoever migrates.
do $$
begin
	if not exists (select from pg_roles where rolname = 'rollcall_daemon') then
		create role rollcall_daemon nologin;
	end if;
	if not exists (select from pg_roles where rolname = 'rollcall_reader') then
		create role rollcall_reader nologin;
	end if;
end $$;

-- Who may log in. Hashes only: H(login:domain:password), one for each algorithm (RFC 7616 §3.4.2).
create table account (
	-- canonical: user@domain, every octet of the user part outside the unreserved characters as %HH
	aor text collate "C" primary key,
	domain text collate "C" not null,
	username text collate "C" not null, -- the user part of aor
	login text collate "C" not null, -- digest user name, odd octets as \xHH; the unescaped user part unless set
	enabled boolean not null default true,
	-- null: only its own address; {*}: every address of its domain; else a list of canonical addresses
	may_register text[] collate "C",
	ha1_md5 text check (ha1_md5 ~ '^[0-9a-f]{32}$'),
	ha1_sha256 text check (ha1_sha256 ~ '^[0-9a-f]{64}$'),
	ha1_sha512_256 text check (ha1_sha512_256 ~ '^[0-9a-f]{64}$'),
	display_name text,
	max_contacts integer check (max_contacts > 0), -- null: registration.max_contacts
	created_at timestamptz not null default now(),
	changed_at timestamptz not null default now(),
	unique (domain, login),
	check (aor = username || '@' || domain)
);

-- The bindings of one address. Rows are made and deleted with the account of the address, never by a REGISTER, so that a
-- version never starts again.
create table aor (
	aor text collate "C" primary key references account on delete cascade,
	domain text collate "C" not null,
	username text collate "C" not null,
	version bigint not null,
	format smallint not null default 1, -- of the two json columns, so that two releases can share the table
	bindings jsonb not null default '[]' check (jsonb_typeof(bindings) = 'array'),
	marks jsonb not null default '{}' check (jsonb_typeof(marks) = 'object'), -- nonce counts, see docs/schema.md
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

-- An account brings its address-of-record with it, and any change to it raises the version of the address: whoever decided
-- on what the account was before is refused by the guard. Not on the request path.
create function account_touch_aor() returns trigger language plpgsql as $$
begin
	if tg_op = 'INSERT' then
		insert into aor (aor, domain, username, version)
		values (new.aor, new.domain, new.username, (extract(epoch from clock_timestamp()) * 1000000)::bigint);
	else
		update aor set version = version + 1 where aor.aor = new.aor;
	end if;
	return null;
end $$;
create trigger account_touch_aor after insert or update on account
	for each row execute function account_touch_aor();

-- Undoes the \xHH of wire text; octets that are not UTF-8 stay escaped. For people; the daemon decodes by itself.
create function wire_text(text) returns text language plpgsql immutable strict parallel safe as $$
begin
	if position('\' in $1) = 0 then
		return $1;
	end if;
	return convert_from(decode(replace($1, '\x5c', '\134'), 'escape'), 'UTF8');
exception when others then
	return $1;
end $$;

-- One row a live binding, typed, for lists and for people in psql. A documented contract: docs/schema.md.
create view binding as
select
	b ->> 'id' as id,
	a.aor,
	a.domain,
	a.username,
	b ->> 'u' as contact,
	b ->> 'd' as display,
	b ->> 'p' as params,
	(b ->> 'q')::integer / 1000.0 as q,
	b ->> 'c' as call_id,
	(b ->> 's')::bigint as cseq,
	b ->> 'i' as instance,
	b ->> 'a' as user_agent,
	b ->> 'n' as node,
	b ->> 't' as transport,
	b ->> 'f' as source,
	to_timestamp((b ->> 'k')::bigint / 1000.0) as created_at,
	to_timestamp((b ->> 'm')::bigint / 1000.0) as updated_at,
	to_timestamp((b ->> 'e')::bigint / 1000.0) as expires_at,
	(b ->> 'r')::bigint as requested
from aor a, jsonb_array_elements(a.bindings) b
where a.expires_at > now() and (b ->> 'e')::bigint > extract(epoch from now()) * 1000;

grant select, insert, update, delete on account, aor, secret to rollcall_daemon;
grant select on binding to rollcall_daemon, rollcall_reader;
