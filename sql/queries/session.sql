-- The deadlines of a session, and what keeps the plan of commit.sql: made once, and one look-up in the primary key after the
-- other, in the order of the array. A scan that is off all the same, where there is no index, counts as so dear that PostgreSQL
-- would compile the statement first, for up to a second. Warnings must be heard: a wait for the standby that was cancelled is one.
-- The session has a name, by which end_sessions.sql can end it and no other one.
-- Not sent where a pooler would give the session to somebody else.
-- $1, $2: durations with unit. $3 'on' in a session that commits registrations, else 'off'.
select
	(select pid::text || '/' || extract(epoch from backend_start)::text from pg_stat_activity where pid = pg_backend_pid()) as session,
	set_config('statement_timeout', $1::text, false),
	set_config('lock_timeout', $2::text, false),
	set_config('client_min_messages', 'warning', false),
	case when $3::text = 'on' then set_config('plan_cache_mode', 'force_generic_plan', false) end,
	case when $3::text = 'on' then set_config('enable_hashjoin', 'off', false) end,
	case when $3::text = 'on' then set_config('enable_mergejoin', 'off', false) end,
	case when $3::text = 'on' then set_config('enable_seqscan', 'off', false) end,
	case when $3::text = 'on' then set_config('jit', 'off', false) end
