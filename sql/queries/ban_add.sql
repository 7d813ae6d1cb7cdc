-- Adds bans or extends those that are there; an automatic one becomes a manual one, never the other way. What was over
-- begins anew. Answers as admin_bans.sql.
-- $1 json array of {cidr, origin, reason, comment, left_ms}, $2 node text
insert into ban as b (cidr, origin, reason, node, comment, expires_at)
select r.cidr, r.origin, r.reason, $2::text, r.comment, now() + r.left_ms * interval '1 ms'
from jsonb_to_recordset($1::jsonb) as r (cidr cidr, origin text, reason text, comment text, left_ms double precision)
order by r.cidr
on conflict (cidr) do update set
	origin = case when b.expires_at > now() and b.origin = 'manual' then 'manual' else excluded.origin end,
	reason = case when b.expires_at > now() then coalesce(b.reason, excluded.reason) else excluded.reason end,
	node = case when b.expires_at > now() then b.node else excluded.node end,
	comment = case when b.expires_at > now() then coalesce(excluded.comment, b.comment) else excluded.comment end,
	created_at = case when b.expires_at > now() then least(b.created_at, now()) else now() end,
	expires_at = case
		when b.origin = 'automatic' and b.created_at > now() + interval '1 minute' then excluded.expires_at -- by a clock that was ahead
		else greatest(b.expires_at, excluded.expires_at)
	end
returning cidr::text, reason, origin, node, comment, (extract(epoch from created_at) * '1000')::bigint,
	(extract(epoch from expires_at) * '1000')::bigint, (extract(epoch from expires_at - now()) * '1000')::bigint
