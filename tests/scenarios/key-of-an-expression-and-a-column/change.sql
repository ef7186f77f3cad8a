INSERT INTO hq.payer VALUES (1, 'AKMAD', 'MEDICAID', 'Alaska Medicaid'), (2, 'Akmad', 'OTHER', 'Alaska');
