-- Acequia, database "{database}": what its rules need. Run it in database {dbname} as the owner of the tables or a superuser.
-- The role itself is yours to make, with a password of your choice:
--     CREATE ROLE {role} LOGIN REPLICATION PASSWORD '...';
-- It becomes no superuser and owns nothing but the schema "acequia". The slot is made by the daemon.

