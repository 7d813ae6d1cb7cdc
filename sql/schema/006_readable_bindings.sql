-- A row whose JSON somebody broke by hand is no reason to show, count and sweep nobody else's. Only added to; a version without
-- this goes on beside it.

-- The bindings of an address as jsonb; null when they are no JSON, or when what queries cast (expiry, source) cannot be. It catches
-- errors, which takes a subtransaction, so it is not parallel safe.
create function bindings_readable(list text) returns jsonb language plpgsql immutable strict as $$
begin
	perform (b ->> 'e')::bigint, substring(b ->> 'f' from '^\[?([0-9A-Fa-f:.]+)\]?:[0-9]+$')::inet
		from pg_catalog.jsonb_array_elements(list::jsonb) b;
	return list::jsonb;
exception when data_exception or program_limit_exceeded then -- the latter: nested too deep
	return null;
end $$;

insert into schema_version (version) values (6);
