-- Tokens in the order (hash, resource): the rows of a frequent token end where new resources begin,
-- so that writers append to few pages instead of touching one page a row. A hash is keyed by its
-- tenant, and whom a resource is about stands in its row: neither has to be repeated here.
alter table index_token rename to index_token_old;
create table index_token (
    hash int8 not null,            -- token of element, form and value, under the tenant's key
    resource int8 not null
);
insert into index_token (hash, resource) select hash, resource from index_token_old
    order by hash, resource;
drop table index_token_old;
create index index_token_key on index_token (hash, resource);
