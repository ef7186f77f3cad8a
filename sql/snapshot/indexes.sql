-- The valid indexes of all tables of one schema that other databases can have too: trees on plain columns, of the whole table.
-- $1 schema.
SELECT c.relname::text  AS "table",
       ic.relname::text AS name,
       i.indisprimary   AS is_primary,
       i.indisunique    AS is_unique,
       ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY k (attnum, pos)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
             WHERE k.pos <= i.indnkeyatts ORDER BY k.pos) AS columns
FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid
JOIN pg_catalog.pg_am am ON am.oid = ic.relam AND am.amname = 'btree'
WHERE n.nspname = $1::text AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
  AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
ORDER BY 1, i.indisprimary DESC, 2;
