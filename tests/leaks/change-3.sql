-- What the daemon cannot go on with: it has lost a right that it needs.
REVOKE INSERT, UPDATE ON north.code FROM acequia;
COMMIT;
INSERT INTO hq.code (id, code, description) VALUES (731640295118041, 'zq7leak refused', 'zq7leak refused');
