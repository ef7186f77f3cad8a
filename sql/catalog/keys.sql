-- Unique indexes of the given tables, the primary key and the replica identity marked.
-- $1 schemas, $2 tables.  An index on an expression has a NULL among its columns.
SELECT n.nspname::text AS schema, c.relname::text AS "table", ic.relname::text AS name,
       i.indisprimary AS is_primary, i.indisreplident AS is_identity,
       i.indpred IS NOT NULL AS is_partial,
       ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, pos)
             LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum AND k.attnum > 0
             WHERE k.pos <= i.indnkeyatts ORDER BY k.pos) AS columns
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1::text[]) AND c.relname = ANY ($2::text[]) AND i.indisunique AND i.indisvalid
ORDER BY 1, 2, 3;
