-- What autovacuum does to the addresses-of-record takes no processor that registrations want. On one core with the default of
-- 2 ms it halves what is served for three seconds a minute; with this pause it goes unnoticed, at 15 s for 200,000 addresses.
-- Refreshes are HOT, and their dead rows are pruned by those that follow: nothing waits for the vacuum.
--
-- ANALYZE keeps the dead rows of all tables from being pruned while it reads its sample, and sorts it. No statement chooses rows
-- by these columns but in the order of an index, so a sample a tenth as large will do, and of the others none.
alter table aor set (autovacuum_vacuum_cost_delay = 40);
alter table aor
	alter aor set statistics 10,
	alter domain set statistics 10,
	alter username set statistics 10,
	alter expires_at set statistics 10,
	alter version set statistics 0,
	alter format set statistics 0,
	alter bindings set statistics 0,
	alter marks set statistics 0,
	alter node set statistics 0;
alter index aor_unescaped alter column 2 set statistics 10;

insert into schema_version (version) values (5);
