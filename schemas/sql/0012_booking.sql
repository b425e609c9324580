-- Bookings: how far the saga of each Appointment came. The Appointment and its Slots are resources like
-- any other; a row changes in one transaction with them, by the REST writer alone.
-- Sealed = AES-256-GCM under the key ring.
create table booking (
    tenant int2 not null,
    appointment text collate "C" not null,
    revision int4 not null,        -- from 1; whoever changes a row names the one that he saw
    state int2 not null,           -- engine/scheduling/saga.h
    settled bool not null,         -- nothing more is to come; goes after a while
    due timestamptz,               -- when its timer fires
    updated timestamptz not null,
    detail bytea not null,         -- sealed: slots, evidence, reason
    primary key (tenant, appointment)
) with (fillfactor = 70);
create index booking_due on booking (due) where due is not null;
create index booking_open on booking (tenant, state, appointment) where not settled;
create index booking_settled on booking (updated) where settled;

-- One row: how far the changes of outbound messages were looked at.
create table booking_head (
    one bool primary key default true check (one),
    delivered int8 not null
) with (fillfactor = 10);
insert into booking_head values (true, 0);
