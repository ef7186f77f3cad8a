-- What a flow has written since it began, per customer; nothing so far is 0.
-- $1 flow.
SELECT r.to_customer, coalesce(sum(c.created), 0)::int8 AS created, coalesce(sum(c.updated), 0)::int8 AS updated,
       coalesce(sum(c.deleted), 0)::int8 AS deleted, coalesce(sum(c.skipped), 0)::int8 AS skipped
FROM acequia.route r LEFT JOIN acequia.route_count c ON c.route = r.id
WHERE r.flow = $1
GROUP BY r.to_customer;
