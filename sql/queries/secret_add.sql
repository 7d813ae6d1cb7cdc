-- A new secret, unless another node was faster.
-- $1 purpose text, $2 id, $3 secret as hex digits.
insert into secret (purpose, id, secret)
values ($1::text, $2::smallint, decode($3::text, 'hex'))
on conflict do nothing
