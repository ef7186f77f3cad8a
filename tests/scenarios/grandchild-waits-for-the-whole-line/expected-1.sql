SELECT dataset, key, reason, waits_for, waits_key FROM acequia.parked ORDER BY dataset, key;
--> item | ["1"] | missing_parent | kind | ["1"]
--> item | ["2"] | missing_parent | kind | ["1"]
--> kind | ["1"] | missing_parent | family | ["1"]
