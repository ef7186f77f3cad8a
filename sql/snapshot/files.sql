-- Which files on the server's disk hold each table of some schemas, partitions included, and its shape: a table that was
-- truncated, rewritten, renamed or has lost a partition or a column answers something else. It takes no lock.
-- $1 schemas.
SELECT c.oid AS oid,
       ARRAY(SELECT p.relid::text || ':' || coalesce(pg_catalog.pg_relation_filenode(p.relid), 0)
             FROM (WITH RECURSIVE part AS (
                     SELECT c.oid AS relid
                     UNION ALL
                     SELECT i.inhrelid FROM part JOIN pg_catalog.pg_inherits i ON i.inhparent = part.relid
                     WHERE c.relkind = 'p')
                   SELECT part.relid FROM part) p
             ORDER BY p.relid)
       || (SELECT coalesce(pg_catalog.md5(pg_catalog.string_agg(
                    pg_catalog.concat_ws(' ', a.attnum, a.attname, a.atttypid, a.atttypmod), E'\n' ORDER BY a.attnum)), '')
           FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
       || pg_catalog.md5(c.relname::text) AS files
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1::text[]) AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't';
