-- All tables of one schema, for a snapshot: partitioned ones by their root, foreign tables and views left out.
-- $1 schema.  To try it in psql: put 'practice' in its place.
SELECT c.relname::text                                          AS "table",
       c.oid                                                    AS oid,
       pg_catalog.obj_description(c.oid, 'pg_class')            AS comment,
       pg_catalog.has_schema_privilege(n.oid, 'USAGE')
         AND pg_catalog.has_table_privilege(c.oid, 'SELECT')    AS may_select,
       c.relkind = 'p'                                          AS partitioned,
       e.rows_estimate                                          AS rows_estimate,
       e.pages * current_setting('block_size')::int8            AS size_bytes
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
-- By the statistics, and partitions by pg_inherits: the server's own functions lock what they are asked about.
CROSS JOIN LATERAL (
  SELECT coalesce(sum(greatest(l.reltuples, 0)), 0)::int8 AS rows_estimate,
         coalesce(sum(greatest(l.relpages, 0) + coalesce(greatest(t.relpages, 0), 0)), 0)::int8 AS pages
  FROM pg_catalog.pg_class l
  LEFT JOIN pg_catalog.pg_class t ON t.oid = l.reltoastrelid
  WHERE l.oid = c.oid OR (c.relkind = 'p' AND l.oid IN (
    WITH RECURSIVE part AS (
      SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent = c.oid
      UNION ALL
      SELECT i.inhrelid FROM part JOIN pg_catalog.pg_inherits i ON i.inhparent = part.inhrelid)
    SELECT part.inhrelid FROM part))) e
WHERE n.nspname = $1::text AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
ORDER BY 1;
