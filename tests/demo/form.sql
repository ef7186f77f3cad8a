-- How psql prints a table here. The tables are the only output: what a statement answers otherwise is not shown.
\set QUIET 1
\set ON_ERROR_STOP 1
\pset pager off
\pset border 2
\pset linestyle unicode
\pset footer off
\pset null '–'
SET client_min_messages = warning;

-- One look in advance, so that what the first one costs in a new session is not counted as Acequia's time.
\o /dev/null
SELECT demo.await('warm-up', 'SELECT name FROM demo.customer');
DELETE FROM demo.arrived WHERE step = 'warm-up';
\o
