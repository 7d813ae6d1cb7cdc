-- The settings of session.sql for one transaction: sent ahead of its statement where a pooler may give the session to somebody else
-- when that has ended. And a mark, by which its answers are known: PgBouncer before 1.23 gives a server away whose client has gone
-- with answers still to come, and who gets it reads them as his own, a commit of another as done.
-- $1, $2: durations with unit. $3 'on' in a session that commits registrations, else 'off'. $4 the mark.
select
	set_config('statement_timeout', $1::text, true),
	set_config('lock_timeout', $2::text, true),
	set_config('client_min_messages', 'warning', true),
	case when $3::text = 'on' then set_config('plan_cache_mode', 'force_generic_plan', true) end,
	case when $3::text = 'on' then set_config('enable_hashjoin', 'off', true) end,
	case when $3::text = 'on' then set_config('enable_mergejoin', 'off', true) end,
	case when $3::text = 'on' then set_config('enable_seqscan', 'off', true) end,
	case when $3::text = 'on' then set_config('jit', 'off', true) end,
	$4::text as mark
