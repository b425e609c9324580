-- Messages that failed, counted by cause in the transactions that find that out: dead letters of feeds,
-- messages on their way out that were refused or were not answered. Some hundred rows, whatever comes.
create table failure (
    tenant int2 not null,
    direction int2 not null,            -- 1 in, 2 out
    channel text collate "C" not null,
    kind text collate "C" not null,     -- in: the stage (receive, parse, map, write); out: refused, ambiguous
    path text collate "C" not null,     -- 'PID-3' without numbers of repetitions; '' = none, or one of too many
    count int8 not null,                -- since the first
    first timestamptz not null default now(),
    last timestamptz not null default now(),
    message int8 not null,              -- of the newest: seq of the journal, number of outbound
    reason text not null,               -- likewise; without patients' values
    told int8 not null default 0,       -- the count that was told
    told_at timestamptz,
    primary key (tenant, direction, channel, kind, path)
) with (fillfactor = 50);
create index failure_untold on failure (tenant, last) where told < count;
