-- The keys alone do not say what was given.
SELECT rev_code, description FROM north.revenue_code ORDER BY 1;
--> 0430 | Of north
--> 0440 | Of north
