-- Would the database take a commit? Asked where commits were refused: writes what is there already to the row at one end of the
-- table, so that rights, space, triggers and a standby have their say; the version stays, and with it what is remembered. A row
-- that is locked is left alone: what locks it is no matter of the database.
-- $1 true: the first row, false: the last boolean. Answers how many rows were asked for and how many were written.
with chosen as (
	(select aor from aor where $1::boolean order by aor limit 1)
	union all
	(select aor from aor where not $1::boolean order by aor desc limit 1)
), free as materialized (
	select a.aor
	from aor a
	where a.aor = (select aor from chosen)
	for no key update of a skip locked
), written as (
	update aor a set version = a.version from free where a.aor = free.aor returning 1
)
select (select count(*) from chosen) as chosen, (select count(*) from written) as written
