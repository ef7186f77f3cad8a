-- Number 1 is somebody else at the customer.
SELECT code, provider_seq FROM north.modifier;
--> GO | (null)
SELECT code, provider_seq FROM north.modifier_null ORDER BY code;
--> GO | (null)
--> GP | (null)
SELECT code, provider_seq FROM north.modifier_skip;
--> GO | (null)
SELECT dataset, key, reason FROM acequia.parked;
--> modifier | ["1"] | missing_parent
