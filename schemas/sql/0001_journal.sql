-- Messages: what arrived, what became of it, how it is found. Written to by the journal (journal,
-- refused outcomes), the feed writer (outcome, message_key) and operators (reopened, audit).
-- Sealed = AES-256-GCM under the key ring; token = keyed HMAC, cannot be reversed without the keys.

create table tenant (
    tenant int2 primary key,
    name text not null unique
);
insert into tenant values (1, 'main');

-- Single values of this store: 'key_check' (compared at each start).
create table store_value (
    name text primary key,
    value bytea not null
);

-- Insert-only. Partitions of one week by `received`, made by the journal before the first row.
-- The duplicate check ("inbox") is the index over control tokens: one writer holds the advisory lock,
-- so the check and the insert are one statement of one session.
create table journal (
    seq int8 not null,
    received timestamptz not null,
    tenant int2 not null,
    source int8 not null,    -- token of channel + MSH-3/4
    control int8,            -- token of MSH-10; null when MSH-10 is empty
    content uuid not null,   -- token of the payload
    channel text not null,
    answer text not null,    -- AA, CA, AR, CR, ...; '' when no ACK was possible
    raw bytea not null,      -- sealed, zstd; associated data: seq
    primary key (seq, received)
) partition by range (received);
alter table journal alter column raw set storage external;
create index journal_control on journal (tenant, control, source) where control is not null;

-- One row once a message is done with, in the same transaction as its effects. Partitioned like, and
-- with the `received` of, its journal row. Pending = a journal row above the watermark, or a
-- `reopened` row, without an outcome.
create table outcome (
    seq int8 not null,
    received timestamptz not null,
    tenant int2 not null,
    status int2 not null,        -- 1 processed, 2 kept, 3 dead letter, 4 discarded
    decided timestamptz not null default now(),
    event text not null,         -- 'ADT^A01'
    stage text not null,         -- of a dead letter: receive, parse, map, write; else ''
    path text not null,          -- 'PID-3'
    reason text not null,        -- without patients' values
    generation int8 not null,
    map_name text not null,
    map_version text not null,
    detail bytea,                -- sealed: loss report, changed resources
    ack bytea,                   -- sealed: the ACK when it was made after processing
    primary key (seq, received)
) partition by range (received);
create index outcome_dead on outcome (seq) where status = 3;

-- How operators find a message: tokens of patient, visit and order ids, inserted with the outcome.
create table message_key (
    tenant int2 not null,
    token int8 not null,
    seq int8 not null,
    received timestamptz not null
) partition by range (received);
create index message_key_token on message_key (tenant, token, seq);

-- Every message with seq <= journal_seq has an outcome, unless it is in `reopened`.
create table journal_watermark (
    one bool primary key default true check (one),
    seq int8 not null
);
insert into journal_watermark values (true, 0);

-- Dead letters that were sent round again: how often, so that pending and `show` can tell.
create table reopened (
    seq int8 primary key,
    received timestamptz not null,
    attempts int4 not null       -- completed attempts before this one
);

-- Who looked at, replayed or discarded what. Insert-only, no patients' values.
create table audit (
    id int8 generated always as identity primary key,
    at timestamptz not null default now(),
    actor text not null,
    action text not null,        -- show, reopen, discard
    seq int8,
    detail text not null default ''
);
create index audit_seq on audit (seq);
