SELECT count(*) FROM hq.note h JOIN north.note n USING (name) WHERE h.text IS NOT DISTINCT FROM n.text;
--> 18
SELECT count(*) FROM north.note;
--> 18
