-- Nonce keys and ticket secrets, newest first.
select
	purpose,
	id,
	encode(secret, 'hex') as secret,
	(extract(epoch from created_at) * '1000')::bigint as created_ms,
	(extract(epoch from clock_timestamp() - created_at) * '1000')::bigint as age_ms
from secret
order by created_at desc, id desc
