-- An empty text is a value.
SELECT code, quote_literal(description), quote_literal(rev_code) FROM north.code ORDER BY code;
--> A00 | 'Cholera' | '0420'
--> A01 | 'Code A01' | '0430'
--> A02 | '' | ''
--> A03 | 'Shigella' | '0420'
