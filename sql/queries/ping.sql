-- Is anybody there, and may one write?
select pg_is_in_recovery()
