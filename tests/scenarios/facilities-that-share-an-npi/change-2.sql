-- The site moves, and is still the same one.
UPDATE hq.facility SET address_line1 = '12 Main Street' WHERE seq_no = 1;
