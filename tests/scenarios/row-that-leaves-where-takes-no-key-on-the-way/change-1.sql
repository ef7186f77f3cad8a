INSERT INTO hq.code VALUES ('A00', 'Cholera'), ('A01', 'Typhoid'), ('B00', 'Herpes'), ('B01', 'Varicella');
