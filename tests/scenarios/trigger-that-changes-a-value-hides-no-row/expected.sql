SELECT name, notes FROM north.line ORDER BY 1;
--> arrives | QUIET
SELECT dataset, reason, waits_for FROM acequia.parked;
--> line | missing_parent | item
