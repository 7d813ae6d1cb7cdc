-- What a server must be before it is trusted: writable, and a commit that was acknowledged survives a crash;
-- and whether it is the one that answered before.
select
	current_setting('transaction_read_only') = 'on' as read_only,
	current_setting('fsync') = 'on' as fsync,
	current_setting('synchronous_commit') <> 'off' as synchronous_commit,
	(extract(epoch from clock_timestamp()) * 1000)::bigint as clock_ms,
	extract(epoch from pg_postmaster_start_time())::text as up_since
