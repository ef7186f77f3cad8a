SELECT id, code, description FROM north.code;
--> 501 | 05302 | One plan
SELECT key, reason, payload ->> 'description' FROM acequia.parked;
--> ["2"] | taken | The other plan
