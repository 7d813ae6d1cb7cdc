-- Nonce keys and ticket secrets, newest first; behind all others those of a clock that was ahead.
select
	purpose,
	id,
	encode(secret, 'hex') as secret,
	(extract(epoch from created_at) * '1000')::bigint as created_ms,
	(extract(epoch from clock_timestamp() - created_at) * '1000')::bigint as age_ms
from secret
order by created_at > clock_timestamp() + interval '1 minute', created_at desc, id desc
