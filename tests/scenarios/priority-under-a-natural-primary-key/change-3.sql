DELETE FROM hq.revenue_code;
COMMIT;
UPDATE region.revenue_code SET description = description || ' 3';
