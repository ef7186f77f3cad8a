-- The columns of all tables of one schema, for a snapshot: domains resolved to their base type, enum labels in order.
-- $1 schema.
WITH RECURSIVE wanted AS (
  SELECT c.oid, c.relname
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $1::text AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
), base (typ, base, typmod) AS (
  SELECT DISTINCT a.atttypid, a.atttypid, -1
  FROM pg_catalog.pg_attribute a JOIN wanted w ON w.oid = a.attrelid WHERE a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT b.typ, t.typbasetype, CASE WHEN b.typmod = -1 THEN t.typtypmod ELSE b.typmod END
  FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.base WHERE t.typtype = 'd'
)
SELECT w.relname::text  AS "table",
       a.attname::text  AS name,
       pg_catalog.format_type(b.base, m.typmod) AS type_text,
       tn.nspname::text AS type_schema,
       t.typname::text  AS type_name,
       t.typtype::text  AS type_kind,
       t.typcategory::text AS type_category,
       m.typmod         AS typmod,
       a.attnotnull     AS not_null,
       pg_catalog.col_description(w.oid, a.attnum) AS comment,
       ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = b.base ORDER BY e.enumsortorder) AS labels
FROM wanted w
JOIN pg_catalog.pg_attribute a ON a.attrelid = w.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN base b ON b.typ = a.atttypid
CROSS JOIN LATERAL (SELECT CASE WHEN a.atttypmod = -1 THEN b.typmod ELSE a.atttypmod END AS typmod) m
JOIN pg_catalog.pg_type t ON t.oid = b.base AND t.typtype <> 'd'
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
ORDER BY 1, a.attnum;
