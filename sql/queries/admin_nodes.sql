-- The nodes, those that have been silent for 15 s as gone; and those that were seen later than now, by a clock that was ahead.
select name, version,
	case
		when state <> 'stopped' and (seen_at < now() - interval '15 s' or seen_at > now() + interval '15 s') then 'gone'
		else state
	end,
	workers, bindings, (extract(epoch from started_at) * '1000')::bigint, (extract(epoch from seen_at) * '1000')::bigint,
	greatest(extract(epoch from now() - seen_at), 0)::bigint
from node
order by name, started_at
