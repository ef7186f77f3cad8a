UPDATE hq.code SET price = 11.5, kind = 'HCPCS' WHERE id = 1;
