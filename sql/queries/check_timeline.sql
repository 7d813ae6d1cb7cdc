-- Which cluster this is, and which of its histories: each promotion of a standby begins another one. Nothing where the server does not
-- say so.
select
	(select system_identifier from pg_control_system()) as system,
	case when not pg_is_in_recovery() then substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) end as timeline
