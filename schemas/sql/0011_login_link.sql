-- Which log-in (issuer and subject of a token) acts for which patient, and the one-time codes by which
-- it comes to be. Written by store/login_link.

create table login_link (
    number int8 generated always as identity primary key,
    tenant int2 not null,
    login uuid not null,           -- 128 bit token of issuer and subject
    patient text collate "C" not null,  -- id of the Patient
    kind int2 not null,            -- 1 self, 2 carer
    made timestamptz not null,
    until timestamptz,             -- null = no end
    revoked timestamptz,
    sealed bytea not null          -- issuer, subject, scopes, RelatedPerson, who made it
);
alter table login_link alter column sealed set storage external;
-- A log-in has one link to a patient; those that were revoked stay as what was.
create unique index login_link_key on login_link (tenant, login, patient) where revoked is null;
create index login_link_patient on login_link (tenant, patient);

create table link_code (
    code uuid primary key,         -- 128 bit token of the code
    tenant int2 not null,
    patient text collate "C" not null,
    kind int2 not null,
    made timestamptz not null,
    expires timestamptz not null,
    used timestamptz,              -- when it made a link, or was voided
    sealed bytea not null          -- scopes, RelatedPerson, the link's end, who made it
);
create index link_code_patient on link_code (tenant, patient);

-- Wrong codes of the last hour, by log-in.
create table link_attempt (
    login uuid not null,
    at timestamptz not null,
    tenant int2 not null
);
create index link_attempt_login on link_attempt (tenant, login, at);
