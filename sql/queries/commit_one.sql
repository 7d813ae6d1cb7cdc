-- One commit, guarded by the version: one row when it was done, none when the version has moved.
-- $1 address-of-record text, $2 version bigint, $3 bindings jsonb, $4 marks jsonb, $5 the moment the last binding expires, in
-- milliseconds since 1970 or null: bigint, $6 node text.
update aor
set
	version = version + 1,
	format = 1,
	bindings = $3::jsonb,
	marks = $4::jsonb,
	expires_at = to_timestamp($5::bigint / 1000.0),
	node = $6::text
where aor = $1::text and version = $2::bigint
returning 1 as n
