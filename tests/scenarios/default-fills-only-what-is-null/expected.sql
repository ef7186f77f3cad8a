SELECT code, quote_literal(rev_code) FROM north.code ORDER BY code;
--> A00 | '0440'
--> A01 | '0420'
--> A02 | ''
--> A03 | '0420'
