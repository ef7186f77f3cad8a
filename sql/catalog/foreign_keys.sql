-- Foreign keys of the given tables, the referenced table and columns in the order of the key.
-- $1 schemas, $2 tables.
SELECT n.nspname::text AS schema, c.relname::text AS "table", k.conname::text AS name,
       pn.nspname::text AS parent_schema, p.relname::text AS parent_table,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY x (num, pos)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = x.num ORDER BY x.pos) AS columns,
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY x (num, pos)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = x.num ORDER BY x.pos) AS parent_columns,
       -- A value that the parent's column draws from a sequence or a default is a number of that customer, not a natural key.
       EXISTS (SELECT FROM pg_catalog.pg_attribute a
               WHERE a.attrelid = k.confrelid AND a.attnum = ANY (k.confkey) AND (a.attidentity <> '' OR a.atthasdef))
         AS parent_is_surrogate
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class p ON p.oid = k.confrelid
JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace
WHERE n.nspname = ANY ($1::text[]) AND c.relname = ANY ($2::text[]) AND k.contype = 'f' AND k.conparentid = 0
ORDER BY 1, 2, 3;
