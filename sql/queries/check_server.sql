-- What a server must be before it is trusted: writable, and a commit that was acknowledged survives a crash;
-- and whether it is the one that answered before, with the data that it had then: a table that is made anew, or emptied, has another
-- file, and a copy of the database with the same files another number.
select
	current_setting('transaction_read_only') = 'on' as read_only,
	current_setting('fsync') = 'on' as fsync,
	current_setting('synchronous_commit') <> 'off' as synchronous_commit,
	(extract(epoch from clock_timestamp()) * 1000)::bigint as clock_ms,
	concat_ws(
		' ',
		extract(epoch from pg_postmaster_start_time()),
		(select oid from pg_database where datname = current_database()),
		pg_relation_filenode(to_regclass('aor'))
	) as identity
