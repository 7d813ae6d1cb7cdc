-- Drops the nonce keys that nothing valid can have been made with: those whose successor is this old already.
-- $1: milliseconds.
delete from secret old
where old.purpose = 'nonce' and exists (
	select from secret successor
	where successor.purpose = 'nonce'
		and successor.created_at > old.created_at
		and successor.created_at < clock_timestamp() - $1::double precision * interval '1 millisecond'
)
