-- Ends sessions of ours that nobody listens to any more, when they wait for a standby: a backend does not notice in that wait that
-- its client has gone, and holds its connection and its rows for as long as the standby is away. Its commit is done here, and
-- becomes visible, as when somebody cancels the wait.
-- $1 sessions text[], as session.sql named them.
select pg_terminate_backend(pid)
from pg_stat_activity
where pid::text || '/' || extract(epoch from backend_start)::text = any ($1::text[])
	and application_name = current_setting('application_name')
	and wait_event = 'SyncRep'
	and query_start < clock_timestamp() - interval '1 s'
