-- Weeks of journal, outcome and message_key that were dropped because of store.journal_keep: so that
-- whoever asks for a message hears that it was here. One row for each time a week was dropped that
-- held messages (a message that came under an old clock makes its week once more).
create table journal_dropped (
    first_seq int8 primary key,
    last_seq int8 not null,      -- other weeks may hold numbers between the two
    week timestamptz not null,   -- Monday
    dropped timestamptz not null
);

-- ack_after: processing. What the sender heard once the message was processed the first time: the
-- code here ('' = nothing beside journal.answer), its bytes in `ack`, sealed. Only AE lets a copy be
-- tried again. A message that is sent round again keeps it in `reopened`, whatever becomes of it.
alter table outcome add column answered text not null default '';
alter table reopened add column answered text not null default '', add column ack bytea;
