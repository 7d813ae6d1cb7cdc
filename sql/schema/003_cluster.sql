-- What nodes know of each other: the bans that all of them keep, and the nodes themselves. Only added to; a version without
-- these tables goes on beside it.

-- Sources that nobody listens to until expires_at. Written by the admin API of any node and by nodes that saw too many
-- failures; read by all every few seconds.
create table ban (
	cidr cidr primary key,
	origin text not null check (origin in ('automatic', 'manual')),
	reason text, -- of the failure that filled the measure; null: manual
	node text not null, -- that made it
	comment text,
	created_at timestamptz not null default now(),
	expires_at timestamptz not null
);

-- One row for each start of a node, told every few seconds that it still lives. A start of another instance under the same
-- name takes the place of those that ended.
create table node (
	name text collate "C",
	instance text collate "C",
	version text not null,
	state text not null,
	workers integer not null,
	bindings bigint, -- that it wrote last; null: not counted yet
	started_at timestamptz not null,
	joined_at timestamptz not null default now(), -- by the clock of the database
	seen_at timestamptz not null default now(),
	primary key (name, instance)
);

do $$
begin
	if exists (select from pg_roles where rolname = 'rollcall_daemon') then
		grant select, insert, update, delete on ban, node to rollcall_daemon;
	else
		raise warning 'role rollcall_daemon is missing: the daemon may not use ban and node; see docs/schema.md';
	end if;
	if exists (select from pg_roles where rolname = 'rollcall_reader') then
		grant select on ban, node to rollcall_reader;
	end if;
end $$;

insert into schema_version (version) values (3);
