-- A payer is entered in billing first; its number is what the partner must know.
INSERT INTO billing.payer (payer_id, payer_name) VALUES ('60054', 'Aetna'), ('00510', 'Cahaba');
