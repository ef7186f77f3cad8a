INSERT INTO hq.revenue_code VALUES ('0420', 'of hq');
INSERT INTO region.revenue_code VALUES ('0420', 'of region'), ('0430', 'of region');
