DELETE FROM hq.item WHERE id = 1;
