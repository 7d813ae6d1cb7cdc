-- $1 text: array of cidr; a row for each that was in force
with gone as (delete from ban where cidr = any ($1::cidr[]) returning expires_at)
select 1 from gone where expires_at > now()
