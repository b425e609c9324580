-- Subscriptions: what was found for each, and how far it was delivered. The Subscription itself is a
-- resource like any other.
create table subscription (
    key int8 generated always as identity primary key,
    tenant int2 not null,
    id text collate "C" not null,
    number int8 not null,             -- of the newest match; gapless from 1
    delivered int8 not null,          -- rest-hook: all up to it were taken
    failures int4 not null default 0, -- in a row
    next_at timestamptz,              -- of the next attempt after a failure
    failing_since timestamptz,
    unique (tenant, id)
) with (fillfactor = 70);

-- Insert-only; old rows go after subscriptions.keep. Numbers without a row were dropped.
create table notification (
    subscription int8 not null,
    number int8 not null,
    event int8 not null,
    made timestamptz not null,
    primary key (subscription, number)
);
create index notification_made on notification (made);
