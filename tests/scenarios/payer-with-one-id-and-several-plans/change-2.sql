UPDATE hq.payer SET plan_name = 'EAST COAST', billing_options = '{}' WHERE seq_no = 2;
