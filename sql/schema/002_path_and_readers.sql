-- For whoever sends calls to the phones: the view binding gets the Path (RFC 3327) and what a balancer says, and
-- kamailio_location shows the same bindings in the shape that Kamailio reads. Contract: docs/schema.md.

-- New keys of a binding: h Path as one field value; g peer, absent when it is the source; w secure, absent when that follows
-- from the transport.
create or replace view binding as
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
from aor a, jsonb_array_elements(a.bindings) b
where a.expires_at > now() and (b ->> 'e')::bigint > extract(epoch from now()) * 1000;

-- The user part of a canonical address with %HH undone, as a proxy has it after parsing: ASCII and UTF-8; NUL, control
-- characters and other octets keep their %HH, because PostgreSQL or people cannot hold them. It calls nothing of this
-- schema, so that the index on it can be restored and rebuilt under any search_path.
create function user_unescaped(username text) returns text language sql immutable parallel safe as $$
	select case when position('%' in username) = 0 then username else (
		select string_agg(
			case
				when part[1] is not null then convert_from(decode(replace(part[1], '%', ''), 'hex'), 'UTF8')
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

-- Where to send a request instead of to the contact: the source as a URI, when the phone wrote an address of its own that is
-- not the one it was seen with, or none that exists. Else null; a host name is believed.
create function nat_source(contact text, source text, transport text) returns text language sql immutable parallel safe as $$
	select case
		when source is null or host is null then null
		when host ~ '^([0-9.]+|\[.*\])$' and lower(host) = regexp_replace(source, ':[0-9]+$', '') then null
		when host ~* '^([0-9.]+|\[.*\]|.*\.invalid\.?)$'
			then 'sip:' || source || case when transport = 'udp' then '' else ';transport=' || transport end
	end
	from substring(contact from '(?i)^sips?:(?:[^@]*@)?(\[[^]]*\]|[^]:;?[]*)') as host
$$;

-- Users with escapes ("+49301234" is "%2B49301234") are found by this; all others by the index aor_page.
create index aor_unescaped on aor (domain, user_unescaped(username)) where position('%' in username) > 0;

-- The table location, version 9, of Kamailio 5.6. Times are without zone, in that of the session, as Kamailio wants them.
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
) a, jsonb_array_elements(a.bindings) b
where a.expires_at > now() and (b ->> 'e')::bigint > extract(epoch from now()) * 1000
	and b ->> 'u' ~* '^sips?:'; -- nothing else is anything to send a request to

-- What Kamailio asks before it reads a table: version_table = "kamailio_version".
create view kamailio_version as select 'kamailio_location'::text as table_name, 9 as table_version;

do $$
begin
	if exists (select from pg_roles where rolname = 'rollcall_reader') then
		grant select on kamailio_location, kamailio_version to rollcall_reader;
	else
		raise warning 'role rollcall_reader is missing: nobody else may read kamailio_location; see docs/schema.md';
	end if;
end $$;

insert into schema_version (version) values (2);
