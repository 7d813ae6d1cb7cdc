-- The account, and with it its address-of-record and bindings. $1 aor
delete from account where aor = $1 returning aor
