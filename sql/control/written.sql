-- What a flow has written since it began, per customer.
-- $1 flow.
SELECT r.to_customer, sum(c.created)::int8 AS created, sum(c.updated)::int8 AS updated, sum(c.deleted)::int8 AS deleted,
       sum(c.skipped)::int8 AS skipped
FROM acequia.route r JOIN acequia.route_count c ON c.route = r.id
WHERE r.flow = $1
GROUP BY r.to_customer;
