-- The functions that a temporary view calls, those behind operators and casts included, and what a rule may not call.
-- $1 the view's name.  The view's tree is read as text: pg_depend leaves out what belongs to the server.
SELECT DISTINCT p.oid::regprocedure::text          AS function,
       p.provolatile = 'v'                          AS is_volatile,
       p.proretset                                  AS returns_rows,
       p.prokind IN ('a', 'w')                      AS aggregates,
       pg_catalog.has_function_privilege(p.oid, 'EXECUTE') AS may_execute
FROM pg_catalog.pg_rewrite r
CROSS JOIN LATERAL regexp_matches(r.ev_action::text, ':(?:funcid|opfuncid|aggfnoid|winfnoid) (\d+)', 'g') m
JOIN pg_catalog.pg_proc p ON p.oid = m[1]::oid
WHERE r.ev_class = ('pg_temp.' || quote_ident($1::text))::regclass
ORDER BY 1;
