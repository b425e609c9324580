-- Resources: what is stored, how it is found, what changed. Written by the two writers only, several
-- rows of each table in one statement. Sealed = AES-256-GCM under the key ring; token = keyed HMAC.
-- `type` is the position of the type in R4's alphabetical list of resource types, from 1.

-- Blocks of 512, so that a writer numbers new resources without asking each time.
create sequence resource_pk as int8 increment 512;

-- The pointer to the current version. Slim, and no index on what an ordinary update changes, so that
-- updates stay in their page (HOT). version 0: a patient whom others name before it came itself.
create table resource (
    pk int8 not null,
    tenant int2 not null,
    type int2 not null,
    version int4 not null,
    deleted bool not null,
    subject int8 not null,         -- pk of the patient it is about, 0 = none
    updated timestamptz not null,
    main_date timestamptz not null, -- what a patient's list is sorted by; 0001-01-01 = none
    id text collate "C" not null,
    merge bytea                    -- sealed: who last wrote each element; of a deleted one: when
) with (fillfactor = 80);
alter table resource alter column merge set storage external;
create unique index resource_pk_key on resource (pk);
create unique index resource_id on resource (tenant, type, id);
create index resource_subject on resource (tenant, type, subject, main_date, pk) where subject <> 0;

-- Every version as it is served. Append-only.
create table version (
    resource int8 not null,
    updated timestamptz not null,
    version int4 not null,
    body bytea,                    -- sealed, zstd; associated data: tenant, type, id, version; null = deleted
    primary key (resource, version)
);
alter table version alter column body set storage external;

-- The index of current versions. Each table has one index, which holds all its columns; rows are
-- removed by their full value.
create table index_token (
    hash int8 not null,            -- token of element, form and value
    subject int8 not null,
    resource int8 not null,
    tenant int2 not null
);
create index index_token_key on index_token (tenant, hash, subject, resource);

create table index_date (
    low timestamptz not null,
    high timestamptz not null,
    resource int8 not null,
    parameter int4 not null,
    tenant int2 not null
);
create index index_date_key on index_date (tenant, parameter, low, high, resource);

create table index_number (
    value float8 not null,
    resource int8 not null,
    parameter int4 not null,
    tenant int2 not null
);
create index index_number_key on index_number (tenant, parameter, value, resource);

-- Which business identifier belongs to which resource.
create table identity (
    token uuid not null,           -- 128 bit token of type, system and value
    resource int8 not null,
    tenant int2 not null,
    type int2 not null
);
create unique index identity_key on identity (tenant, type, token);

-- Identifiers of one message that lead to two resources: for a person to decide.
create table identity_conflict (
    id int8 generated always as identity primary key,
    at timestamptz not null default now(),
    tenant int2 not null,
    type int2 not null,
    kept int8 not null,            -- resource of the strongest identifier
    other int8 not null,
    seq int8 not null,             -- message that showed it
    resolved timestamptz,
    unique (tenant, kept, other)
);

-- Merged patients: the loser's messages and resources belong to the survivor, stored references stay.
create table link (
    loser int8 not null,
    survivor int8 not null,
    tenant int2 not null,
    primary key (tenant, loser)
);
create index link_survivor on link (tenant, survivor);

-- What changed, without gaps, in the order of the commits.
create table event (
    seq int8 primary key,
    resource int8 not null,
    message int8 not null,         -- journal seq, 0 = REST
    updated timestamptz not null,
    version int4 not null,
    tenant int2 not null,
    type int2 not null,
    kind int2 not null             -- 1 created, 2 updated, 3 deleted
);
create index event_updated on event (tenant, type, updated, resource, version);

-- One row; updated as the last statement of each writer's transaction.
create table event_head (
    one bool primary key default true check (one),
    seq int8 not null
) with (fillfactor = 10);
insert into event_head values (true, 0);
