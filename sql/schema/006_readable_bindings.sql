-- A row whose JSON somebody broke by hand is no reason to show, count and sweep nobody else's. Only added to; a version without
-- this goes on beside it.

-- The bindings of an address as jsonb; null when they are no JSON, or an expiry among them is no whole number. It catches errors,
-- which takes a subtransaction, so it is not parallel safe.
create function bindings_readable(list text) returns jsonb language plpgsql immutable strict as $$
begin
	if jsonb_path_exists(list::jsonb, '$[*].e ? (@.type() != "number" || @ < -9e18 || @ > 9e18 || @ != @.floor())') then
		return null;
	end if;
	return list::jsonb;
exception when data_exception or program_limit_exceeded then -- the latter: nested too deep
	return null;
end $$;

insert into schema_version (version) values (6);
