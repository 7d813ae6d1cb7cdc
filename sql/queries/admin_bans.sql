-- A page of bans in force, in the order of their addresses. $1 the cidr to go on behind or null, $2 rows integer
select cidr::text, reason, origin, node, comment, (extract(epoch from created_at) * '1000')::bigint,
	(extract(epoch from expires_at) * '1000')::bigint, (extract(epoch from expires_at - now()) * '1000')::bigint
from ban
where expires_at > now() and ($1::text is null or cidr::inet > $1::inet)
order by cidr
limit $2::integer
