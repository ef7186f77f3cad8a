-- What a publication sends: its switches, and its tables one per row (NULLs where it has none).
-- $1 publication.
SELECT p.pubinsert AS inserts, p.pubupdate AS updates, p.pubdelete AS deletes, p.pubtruncate AS truncates,
       p.pubviaroot AS via_root,
       t.schemaname::text AS schema, t.tablename::text AS "table"
FROM pg_catalog.pg_publication p
LEFT JOIN pg_catalog.pg_publication_tables t ON t.pubname = p.pubname
WHERE p.pubname = $1::text
ORDER BY 6, 7;
