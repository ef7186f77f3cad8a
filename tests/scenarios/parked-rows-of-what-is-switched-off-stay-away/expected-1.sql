SELECT to_customer, dataset, reason FROM acequia.parked ORDER BY 1, 2;
--> north | code | rejected
--> north | place | rejected
--> south | code | rejected
--> south | place | rejected
