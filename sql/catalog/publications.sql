-- What a publication sends: its switches, and its tables one per row (NULLs where it has none).
-- $1 publication.  Row filters and column lists came with PostgreSQL 15, so they are asked for as JSON.
SELECT p.pubinsert AS inserts, p.pubupdate AS updates, p.pubdelete AS deletes, p.pubtruncate AS truncates,
       p.pubviaroot AS via_root,
       t.schemaname::text AS schema, t.tablename::text AS "table",
       t.is_split AS is_split,
       coalesce(to_jsonb(m) ->> 'prqual', '') <> ''  AS is_filtered,
       coalesce(to_jsonb(m) ->> 'prattrs', '') <> '' AS is_listed,
       -- The table's own entry: taken out and put back it is another one. FOR ALL TABLES has none.
       m.oid AS member,
       p.oid::text || ':' || p.xmin::text AS version
FROM pg_catalog.pg_publication p
LEFT JOIN (
  SELECT pubname, schemaname, tablename, false AS is_split FROM pg_catalog.pg_publication_tables
  UNION ALL                     -- a partitioned table that is sent as its partitions
  SELECT q.pubname, n.nspname, c.relname, true
  FROM pg_catalog.pg_publication q
  JOIN pg_catalog.pg_class c ON c.relkind = 'p' AND (q.puballtables OR EXISTS (
         SELECT FROM pg_catalog.pg_publication_rel r WHERE r.prpubid = q.oid AND r.prrelid = c.oid))
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE q.pubname = $1::text AND NOT q.pubviaroot
) t ON t.pubname = p.pubname
LEFT JOIN pg_catalog.pg_namespace tn ON tn.nspname = t.schemaname
LEFT JOIN pg_catalog.pg_class tc ON tc.relnamespace = tn.oid AND tc.relname = t.tablename
LEFT JOIN pg_catalog.pg_publication_rel m ON m.prpubid = p.oid AND m.prrelid = tc.oid
WHERE p.pubname = $1::text
ORDER BY 6, 7;
