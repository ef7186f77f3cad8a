-- practice schema: hq
-- practice schema: north

-- Legacy rows have no number, on either side.
INSERT INTO north.referring_provider (seq_no, npi, last_name) VALUES (501, NULL, 'Legacy'), (502, NULL, 'Legacy'), (503, '1679576722', 'Of north');
