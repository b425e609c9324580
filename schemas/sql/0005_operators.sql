-- What operators decide about identity conflicts: who, and why in their own words.
alter table identity_conflict add column resolved_by text not null default '';
alter table identity_conflict add column note bytea;  -- sealed
create index identity_conflict_open on identity_conflict (id) where resolved is null;
