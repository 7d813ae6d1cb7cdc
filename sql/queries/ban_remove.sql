-- $1 cidr text; a row when it was in force
with gone as (delete from ban where cidr = $1::cidr returning expires_at)
select 1 from gone where expires_at > now()
