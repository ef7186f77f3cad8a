-- How far a flow has come in the target, and how long ago its checkpoint moved last.
-- $1 flow.
SELECT c.lsn::text AS applied, extract(epoch FROM clock_timestamp() - c.updated_at)::float8 AS age
FROM acequia.checkpoint c WHERE c.flow = $1;
