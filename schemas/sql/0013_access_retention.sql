-- Rows of the audit that are old are removed (auth.audit.keep): access_at finds those of `access`.
create index access_patient_at on access_patient (at);
