-- The bans in force when they are others than at the last reading, which is told by a mark; else one row with the mark
-- alone. Of too many those that hold longest, an operator's first. What is over for an hour goes; and what was made later than now,
-- by a clock that was ahead, and would hold for as much longer than anybody wanted: but for an operator's, who sees how long it holds.
-- $1 the mark of the last reading text, $2 how many at most integer
with gone as (
	delete from ban
	where expires_at < now() - interval '1 hour' or (origin = 'automatic' and created_at > now() + interval '1 minute')
), live as materialized (
	select cidr, origin, reason, expires_at from ban
	where expires_at > now() and (origin <> 'automatic' or created_at <= now() + interval '1 minute')
), mark as (
	select count(*)::text || ':' ||
		coalesce(sum(hashtextextended(cidr::text || origin || extract(epoch from expires_at)::text, 0::bigint)), 0)::text as mark
	from live
), chosen as (
	select * from live order by origin = 'manual' desc, expires_at desc limit $2::integer
)
select mark.mark, c.cidr::text, c.origin, c.reason, (extract(epoch from c.expires_at - now()) * '1000')::bigint
from mark left join chosen c on mark.mark <> $1::text
