-- What the tables of these OIDs are called now.
-- $1 OIDs.
SELECT c.oid AS oid, n.nspname::text AS schema, c.relname::text AS "table"
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = ANY ($1::oid[]) AND c.relkind IN ('r', 'p');
