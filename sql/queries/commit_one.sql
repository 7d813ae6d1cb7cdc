-- One commit, guarded by the version: one row when it was done, none when the version has moved, or when it comes too late, by this
-- clock: then it was decided with another time.
-- $1 address-of-record text, $2 version bigint, $3 bindings text, $4 marks text, $5 the moment the last binding expires or null:
-- timestamptz, $6 node text, $7 until when it may be done or null: timestamptz.
update aor
set
	version = version + 1,
	format = 1,
	bindings = $3::text,
	marks = $4::text,
	expires_at = $5::timestamptz,
	node = $6::text
where aor = $1::text and version = $2::bigint and ($7::timestamptz is null or $7::timestamptz >= clock_timestamp())
returning 1 as n
