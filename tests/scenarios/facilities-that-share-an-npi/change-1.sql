INSERT INTO hq.facility (seq_no, facility_code, name, npi, address_line1, zip) VALUES
  (1, 'H1', 'Main site', '1679576722', '1 Main Street', '32801'), (2, 'H2', 'Second site', '1679576722', '2 Side Street', '32801'), (3, 'H3', 'Third site', '1679576722', '1 Main Street', '30301'),
  (4, 'H4', 'Unnumbered site', NULL, '9 Main Street', '30301');
