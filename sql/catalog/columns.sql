-- Columns of the given tables, domains resolved to their base type, with the sequence behind each.
-- $1 schemas, $2 tables.
WITH RECURSIVE wanted AS (
  SELECT c.oid, n.nspname, c.relname
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = ANY ($1::text[]) AND c.relname = ANY ($2::text[]) AND c.relkind IN ('r', 'p')
), base (typ, base, typmod, not_null, has_default) AS (
  SELECT DISTINCT a.atttypid, a.atttypid, -1, false, false
  FROM pg_catalog.pg_attribute a JOIN wanted w ON w.oid = a.attrelid WHERE a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT b.typ, t.typbasetype, CASE WHEN b.typmod = -1 THEN t.typtypmod ELSE b.typmod END,
         b.not_null OR t.typnotnull, b.has_default OR t.typdefault IS NOT NULL
  FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.base WHERE t.typtype = 'd'
)
SELECT w.nspname::text AS schema, w.relname::text AS "table",
       a.attname::text AS name,
       a.attnum        AS number,
       a.atttypid      AS sent_oid,
       pg_catalog.format_type(a.atttypid, NULL) AS sent_type,
       b.base          AS type_oid,
       tn.nspname::text AS type_schema,
       t.typname::text  AS type_name,
       t.typtype::text  AS type_kind,
       pg_catalog.format_type(b.base, CASE WHEN a.atttypmod = -1 THEN b.typmod ELSE a.atttypmod END) AS type_text,
       (CASE WHEN a.atttypmod = -1 THEN b.typmod ELSE a.atttypmod END) <> -1 AS has_modifier,
       a.attnotnull OR b.not_null AS not_null,
       a.attgenerated <> '' AS generated,
       a.attidentity::text AS identity,
       a.atthasdef OR b.has_default OR a.attidentity <> '' AS has_default,
       CASE WHEN a.attgenerated = '' THEN pg_catalog.pg_get_expr(d.adbin, 0) END AS default_expression, -- with the table's number it would lock the table
       s.sequence AS sequence,
       s.may_use  AS may_use_sequence,
       CASE WHEN a.attcollation <> 0 AND co.collname <> 'default' THEN format('%I.%I', cn.nspname, co.collname) END AS collation
FROM wanted w
JOIN pg_catalog.pg_attribute a ON a.attrelid = w.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN base b ON b.typ = a.atttypid
JOIN pg_catalog.pg_type t ON t.oid = b.base AND t.typtype <> 'd'
JOIN pg_catalog.pg_namespace tn ON tn.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
LEFT JOIN pg_catalog.pg_collation co ON co.oid = a.attcollation
LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
LEFT JOIN LATERAL (
  SELECT format('%I.%I', sn.nspname, sc.relname) AS sequence,
         pg_catalog.has_sequence_privilege(sc.oid, 'USAGE') AS may_use
  FROM pg_catalog.pg_depend dep
  JOIN pg_catalog.pg_class sc ON sc.oid = dep.objid AND sc.relkind = 'S'
  JOIN pg_catalog.pg_namespace sn ON sn.oid = sc.relnamespace
  WHERE dep.classid = 'pg_catalog.pg_class'::regclass AND dep.refclassid = 'pg_catalog.pg_class'::regclass
    AND dep.refobjid = a.attrelid AND dep.refobjsubid = a.attnum AND dep.deptype IN ('a', 'i')
    AND (a.attidentity <> '' OR a.atthasdef)
  LIMIT 1
) s ON true
ORDER BY 1, 2, a.attnum;
