-- Two numbers that change when the shape of these tables does: one over the tables, one over the publication.
-- $1 schemas, $2 tables, $3 publication (NULL at a target).
--
-- What pg_class says of a table is read by value, because TRUNCATE and VACUUM FULL write its row anew; of every other
-- row of the catalogs "oid, xmin" is enough: no DDL leaves both as they were. The sums need no order.
WITH RECURSIVE own AS MATERIALIZED (
  SELECT c.oid
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = ANY ($1::text[]) AND c.relname = ANY ($2::text[]) AND c.relkind IN ('r', 'p')
), part (oid) AS (              -- with their partitions ...
  SELECT oid FROM own UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN part p ON p.oid = i.inhparent
), rel AS MATERIALIZED (        -- ... and the tables that they refer to
  SELECT oid FROM part
  UNION SELECT k.confrelid FROM pg_catalog.pg_constraint k JOIN own ON own.oid = k.conrelid WHERE k.contype = 'f'
), typ (oid) AS (               -- types of somebody's own, with what they stand on
  SELECT a.atttypid FROM pg_catalog.pg_attribute a JOIN rel ON rel.oid = a.attrelid WHERE a.atttypid >= 16384
  UNION
  SELECT u.oid FROM typ JOIN pg_catalog.pg_type t ON t.oid = typ.oid
  CROSS JOIN LATERAL (VALUES (t.typbasetype), (t.typelem)) u (oid) WHERE u.oid >= 16384
), seen (what, number) AS (
  SELECT 'schemas', sum(hash_record_extended(ROW(n.oid, n.nspname, n.nspowner, n.nspacl::text), 0))
  FROM pg_catalog.pg_namespace n WHERE n.nspname = ANY ($1::text[])
  UNION ALL
  SELECT 'tables', sum(hash_record_extended(ROW(c.oid, c.relname, c.relnamespace, c.relkind::text, c.relowner, c.relacl::text,
                       c.relrowsecurity, c.relforcerowsecurity, c.relreplident::text, c.relispartition,
                       c.relpersistence::text), 1))
  FROM pg_catalog.pg_class c JOIN rel USING (oid)
  UNION ALL
  SELECT 'columns', sum(hash_record_extended(ROW(a.attrelid, a.attnum, a.xmin), 2))
  FROM pg_catalog.pg_attribute a JOIN rel ON rel.oid = a.attrelid WHERE a.attnum > 0
  UNION ALL
  SELECT 'defaults', sum(hash_record_extended(ROW(d.oid, d.xmin), 3))
  FROM pg_catalog.pg_attrdef d JOIN rel ON rel.oid = d.adrelid
  UNION ALL
  SELECT 'sequences', sum(hash_record_extended(ROW(s.oid, s.relname, s.relnamespace, s.relowner, s.relacl::text), 4))
  FROM pg_catalog.pg_depend d JOIN rel ON rel.oid = d.refobjid JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
  WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')
  UNION ALL
  SELECT 'constraints', sum(hash_record_extended(ROW(k.oid, k.xmin), 5))
  FROM pg_catalog.pg_constraint k WHERE k.conrelid IN (SELECT oid FROM rel)
  UNION ALL
  SELECT 'domains', sum(hash_record_extended(ROW(k.oid, k.xmin), 6))
  FROM pg_catalog.pg_constraint k WHERE k.contypid IN (SELECT oid FROM typ)
  UNION ALL
  SELECT 'indexes', sum(hash_record_extended(ROW(i.indexrelid, i.xmin), 7))
  FROM pg_catalog.pg_index i JOIN rel ON rel.oid = i.indrelid
  UNION ALL
  SELECT 'policies', sum(hash_record_extended(ROW(p.oid, p.xmin), 8))
  FROM pg_catalog.pg_policy p JOIN rel ON rel.oid = p.polrelid
  UNION ALL
  SELECT 'triggers', sum(hash_record_extended(ROW(g.oid, g.xmin, f.xmin), 9))
  FROM pg_catalog.pg_trigger g JOIN rel ON rel.oid = g.tgrelid JOIN pg_catalog.pg_proc f ON f.oid = g.tgfoid
  WHERE NOT g.tgisinternal
  UNION ALL
  SELECT 'partitions', sum(hash_record_extended(ROW(i.inhrelid, i.inhparent, i.xmin), 10))
  FROM pg_catalog.pg_inherits i JOIN part ON part.oid = i.inhparent
  UNION ALL
  SELECT 'types', sum(hash_record_extended(ROW(t.oid, t.xmin), 11))
  FROM pg_catalog.pg_type t JOIN typ ON typ.oid = t.oid
  UNION ALL
  SELECT 'labels', sum(hash_record_extended(ROW(e.oid, e.xmin), 12))
  FROM pg_catalog.pg_enum e JOIN typ ON typ.oid = e.enumtypid
  UNION ALL
  SELECT 'role', sum(hash_record_extended(ROW(r.oid, r.rolsuper, r.rolbypassrls, r.rolinherit), 13))
  FROM pg_catalog.pg_roles r WHERE pg_catalog.pg_has_role(r.oid, 'USAGE')
), sent (what, number) AS (
  SELECT 'publication', sum(hash_record_extended(ROW(p.oid, p.xmin), 0))
  FROM pg_catalog.pg_publication p WHERE p.pubname = $3::text
  UNION ALL
  SELECT 'members', sum(hash_record_extended(ROW(m.oid, m.xmin), 1))
  FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_publication_rel m ON m.prpubid = p.oid WHERE p.pubname = $3::text
  UNION ALL                     -- as JSON: column lists and row filters came with PostgreSQL 15
  SELECT 'sends', sum(hashtextextended(to_jsonb(t)::text, 2))
  FROM pg_catalog.pg_publication_tables t WHERE t.pubname = $3::text
)
SELECT (SELECT md5(string_agg(what || ' ' || coalesce(number::text, '-'), ' ' ORDER BY what)) FROM seen) AS tables,
       (SELECT md5(string_agg(what || ' ' || coalesce(number::text, '-'), ' ' ORDER BY what)) FROM sent) AS publication;
