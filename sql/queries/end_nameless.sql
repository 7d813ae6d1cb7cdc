-- As end_sessions.sql behind a pooler, where a session has no name: there a pooler that was left alone with one forgets it, counts it
-- no longer, and opens another. Whoever waits for a standby for longer than any of our connections is waited for has been left.
-- $1 text: how long that is, with unit.
select pg_terminate_backend(pid)
from pg_stat_activity
where pid <> pg_backend_pid()
	and usename = current_user
	and application_name = current_setting('application_name')
	and wait_event = 'SyncRep'
	and query_start < clock_timestamp() - $1::interval
