SELECT name, cpt_seq, provider_seq, rev_code FROM north.line ORDER BY name;
--> of the code | 901 | 77 | 0420
--> of the line | 901 | 77 | 0100
--> of the practice | 902 | 78 | 0999
--> of the provider | 902 | 77 | 0930
--> without a provider | 902 | (null) | 0999
