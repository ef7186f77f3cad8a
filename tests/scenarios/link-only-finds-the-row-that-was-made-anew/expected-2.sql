SELECT key, reason FROM acequia.parked;
--> ["1"] | unmatched
