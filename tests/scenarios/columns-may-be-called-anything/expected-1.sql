SELECT dataset, key, reason, waits_for FROM acequia.parked ORDER BY key;
--> thing | ["1"] | missing_parent | parent
--> thing | ["3"] | rejected | (null)
