-- practice schema: hq
-- practice schema: north

INSERT INTO north.facility (seq_no, facility_code, name, npi, address_line1, zip) VALUES (501, 'N1', 'Of north', '1679576722', '1 Main Street', '32801');
