-- $1 aor, $2 json object with the columns to change and no others, $3 the login that the row had when it was read: hashes
-- are made with it and are good for no other, so without a row it is read again
update account set
	enabled = case when $2::jsonb ? 'enabled'::text then ($2::jsonb ->> 'enabled'::text)::boolean else enabled end,
	display_name = case when $2::jsonb ? 'display_name'::text then $2::jsonb ->> 'display_name'::text else display_name end,
	max_contacts = case when $2::jsonb ? 'max_contacts'::text then ($2::jsonb ->> 'max_contacts'::text)::integer else max_contacts end,
	may_register = case when $2::jsonb ? 'may_register'::text
		then (select pg_catalog.array_agg(value) from jsonb_array_elements_text(nullif($2::jsonb -> 'may_register'::text, 'null'::jsonb)))
		else may_register end,
	ha1_md5 = case when $2::jsonb ? 'ha1_md5'::text then $2::jsonb ->> 'ha1_md5'::text else ha1_md5 end,
	ha1_sha256 = case when $2::jsonb ? 'ha1_sha256'::text then $2::jsonb ->> 'ha1_sha256'::text else ha1_sha256 end,
	ha1_sha512_256 = case when $2::jsonb ? 'ha1_sha512_256'::text then $2::jsonb ->> 'ha1_sha512_256'::text else ha1_sha512_256 end,
	changed_at = now()
where aor = $1 and login = $3
returning aor
