-- Consumers of events (topics, outbound channels): how far each came. A consumer moves its cursor in
-- the transaction that stores what it decided.
create table event_cursor (
    consumer text primary key,
    seq int8 not null
) with (fillfactor = 50);

-- When the message was sent (MSH-7), as far as it says: old news change data and wake nobody.
alter table outcome add column sent timestamptz;
