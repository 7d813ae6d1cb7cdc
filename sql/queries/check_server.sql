-- What a server must be before it is trusted: writable, and a commit that was acknowledged survives a crash;
-- and whether it is the one that answered before, with the data that it had then: a table that is made anew, or emptied, has another
-- file, and a copy of the database with the same files another number.
-- And what an operator should hear of: an encoding that cannot hold what phones send, schemas of the search_path in which everybody may
-- create, and so run code of his own as whoever looks through them, and pages that a crash may tear.
select
	current_setting('transaction_read_only') = 'on' as read_only,
	current_setting('fsync') = 'on' as fsync,
	current_setting('synchronous_commit') <> 'off' as synchronous_commit,
	(extract(epoch from clock_timestamp()) * '1000')::bigint as clock_ms,
	pg_catalog.concat_ws(
		' ',
		extract(epoch from pg_postmaster_start_time()),
		(select oid from pg_database where datname = current_database()),
		pg_relation_filenode(to_regclass('aor'))
	) as identity,
	coalesce((select relpersistence = 'p' from pg_class where oid = to_regclass('aor')::oid), true) as aor_logged,
	current_setting('server_encoding') as encoding,
	(
		select string_agg(quote_ident(nspname::text), ', ')
		from pg_namespace
		where nspname = any (current_schemas(false)) and has_schema_privilege('public'::name, oid, 'create'::text)
	) as open_schemas,
	current_setting('full_page_writes') = 'on' as full_page_writes,
	current_setting('synchronous_standby_names') = '' or current_setting('synchronous_commit') in ('on', 'remote_apply')
		as standby_has_it_on_disk
