-- Who saw or changed what through the API: one row an access, insert-only, made by store/access_audit.
-- Who, what, and with which outcome is in `sealed`; what can be asked for is a token (keyed HMAC).

-- Blocks of 1024, so that a batch numbers its rows without asking for each.
create sequence access_number as int8 increment 1024;

create table access (
    number int8 primary key,
    at timestamptz not null,
    tenant int2 not null,
    actor int8 not null,           -- token of issuer and subject
    sealed bytea not null          -- associated data: number
);
alter table access alter column sealed set storage external;
create index access_at on access (tenant, at, number);
create index access_actor on access (actor, at, number);

-- Whose data it was: a row for each patient. Of the number of the patient's resource where something
-- was shown or changed, else of the id that was asked for.
create table access_patient (
    token int8 not null,
    at timestamptz not null,       -- as in access
    access int8 not null,
    primary key (token, at, access)
);
