UPDATE hq.code SET code = CASE code WHEN 'A00' THEN 'A01' ELSE 'A00' END;
