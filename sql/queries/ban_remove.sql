-- $1 text: array of cidr, $2 text: of this origin only, or of any when null; a row for each that was in force
with gone as (
	delete from ban where cidr::inet = any ($1::cidr[]::inet[]) and ($2::text is null or origin = $2) returning expires_at
)
select 1 from gone where expires_at > now()
