UPDATE hq.practice SET name = 'The main practice', default_provider_seq = 2;
UPDATE hq.provider SET bill_under_seq = 2;
