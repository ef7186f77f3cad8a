DELETE FROM region.code;
