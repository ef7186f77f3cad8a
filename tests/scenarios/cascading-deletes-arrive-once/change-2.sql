DELETE FROM hq.fee_schedule WHERE seq_no = 1;
