-- The deadlines of a session; not sent where a pooler would give the session to somebody else.
-- $1, $2: durations with unit.
select set_config('statement_timeout', $1::text, false), set_config('lock_timeout', $2::text, false)
