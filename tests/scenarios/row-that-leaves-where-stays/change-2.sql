-- on_leave says nothing, which is to ignore it.
UPDATE hq.code SET inactive = true, price = 99 WHERE id = 1;
