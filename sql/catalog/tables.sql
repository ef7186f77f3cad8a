-- Tables of the given schemas (a schema that has none of them is a row without a table): kind, replica identity, row-level security, and what this role may do with them.
-- $1 schemas, $2 tables.  To try it in psql: put '{practice}' and '{cpt_code,payer}' in their place.
SELECT n.nspname::text                                   AS schema,
       c.relname::text                                   AS "table",
       c.oid                                             AS oid,
       c.relkind::text                                   AS kind,
       CASE WHEN c.relkind = 'p' THEN ARRAY(SELECT p.relid::oid FROM pg_catalog.pg_partition_tree(c.oid) p WHERE p.relid <> c.oid)
            ELSE '{}' END                                AS partitions,
       c.relpersistence = 'p'                            AS logged,
       c.relreplident::text                              AS replica_identity,
       pg_catalog.row_security_active(c.oid)            AS row_security,
       pg_catalog.has_schema_privilege(n.oid, 'USAGE')   AS may_use_schema,
       pg_catalog.has_table_privilege(c.oid, 'SELECT')   AS may_select,
       pg_catalog.has_table_privilege(c.oid, 'INSERT')   AS may_insert,
       pg_catalog.has_table_privilege(c.oid, 'UPDATE')   AS may_update,
       pg_catalog.has_table_privilege(c.oid, 'DELETE')   AS may_delete,
       EXISTS (SELECT FROM pg_catalog.pg_constraint k
               WHERE k.conrelid = c.oid AND k.condeferrable) AS has_deferrable
FROM pg_catalog.pg_namespace n
LEFT JOIN pg_catalog.pg_class c
       ON c.relnamespace = n.oid AND c.relname = ANY ($2::text[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
WHERE n.nspname = ANY ($1::text[])
ORDER BY 1, 2;
