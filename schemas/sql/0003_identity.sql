-- Identities that name no resource: a message without effect could leave one behind.
delete from identity i where not exists (select 1 from resource r where r.pk = i.resource);
