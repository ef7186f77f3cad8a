-- And back, in one step.
UPDATE hq.code SET inactive = true WHERE id = 3;
UPDATE hq.code SET inactive = false WHERE id = 1;
