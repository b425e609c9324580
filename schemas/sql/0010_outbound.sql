-- Messages on their way out. Written by the feeder (queued), the worker of each channel and operators.
-- Sealed = AES-256-GCM under the key ring; token = keyed HMAC, cannot be reversed without the keys.

-- In blocks, so that a writer numbers messages without asking each time.
create sequence outbound_number as int8 increment 64;

create table outbound (
    number int8 primary key,
    cause int8 not null,           -- event seq or journal seq
    change int8 not null,          -- of its state; gapless over all rows, in commit order
    control int8 not null,         -- token of MSH-10; 0 = it could not be made
    created timestamptz not null,
    tried timestamptz,             -- first attempt
    next_at timestamptz,           -- of the next attempt; accepted: when its answer is overdue
    settled timestamptz,
    attempts int4 not null default 0,
    tenant int2 not null,
    kind int2 not null,            -- of the cause: 1 event, 2 message, 3 outcome
    part int2 not null,            -- of what one cause makes for one channel
    state int2 not null,           -- 1 queued, 2 sending, 3 accepted, 4 acked, 5 nacked, 6 ambiguous, 7 skipped
    waiting bool not null,         -- stands in its channel's line
    held bool not null default false, -- until a person decides
    channel text collate "C" not null,
    event text not null,           -- 'SIU^S12'
    type text not null,            -- of the resource that it is about, '' = none
    id text not null,
    code text not null default '', -- of the last answer: 'AA', 'AE', ...
    path text not null default '', -- 'PID-3'; of the last error, without values, like the next
    reason text not null default '',
    message bytea not null,        -- sealed: MSH-10 and the bytes; '' = it could not be made
    ack bytea                      -- sealed: the last answer
) with (fillfactor = 70);
alter table outbound alter column message set storage external;
create unique index outbound_cause on outbound (channel, kind, cause, part);
create index outbound_waiting on outbound (channel, number) where waiting;
create index outbound_open on outbound (channel, state, number) where state not in (4, 7);
create index outbound_control on outbound (channel, control) where state in (2, 3, 6);
create index outbound_change on outbound (change);
create index outbound_settled on outbound (channel, settled) where state in (4, 7);

-- One row; updated by each transaction that changes a state.
create table outbound_head (
    one bool primary key default true check (one),
    change int8 not null
) with (fillfactor = 10);
insert into outbound_head values (true, 0);
