-- The number of the last file of sql/schema/ that was applied.
select coalesce(max(version), 0) from schema_version
