-- A node lives. Forgets who has been gone for a day, and what went before under the same name. Answers whether another node
-- of the same name has been alive since this one came. Who was seen later than now was seen by a clock that was ahead, and is gone.
-- $1 name text, $2 instance text, $3 version text, $4 state text, $5 started ms bigint, $6 workers integer, $7 bindings
-- bigint or null
with gone as (
	delete from node
	where seen_at < now() - interval '1 day'
		or (name = $1::text and instance <> $2::text and (state = 'stopped' or seen_at < now() - interval '15 s'))
		or (seen_at > now() + interval '15 s' and not (name = $1::text and instance = $2::text))
), beat as (
	insert into node as n (name, instance, version, state, started_at, workers, bindings)
	values ($1, $2, $3::text, $4::text, to_timestamp($5::double precision / '1000'), $6::integer, $7::bigint)
	on conflict (name, instance) do update
	set version = excluded.version, state = excluded.state, workers = excluded.workers,
		bindings = coalesce(excluded.bindings, n.bindings), joined_at = least(n.joined_at, now()), seen_at = now()
	returning joined_at
)
select exists (
	select from node n, beat
	where n.name = $1 and n.instance <> $2 and n.state not in ('draining', 'stopped') and n.seen_at > beat.joined_at
		and n.seen_at <= now() + interval '15 s'
)::integer
