SELECT key, reason, object FROM acequia.parked ORDER BY key;
--> ["2"] | ambiguous | (null)
--> ["3"] | rejected | the natural key is NULL
--> ["4"] | taken | (null)
--> ["5"] | unmatched | (null)
