-- Enum types and their labels, in order.
-- $1 OIDs of types; those that are no enum are left out.
SELECT e.enumtypid AS type_oid, array_agg(e.enumlabel::text ORDER BY e.enumsortorder) AS labels
FROM pg_catalog.pg_enum e
WHERE e.enumtypid = ANY ($1::oid[])
GROUP BY 1;
