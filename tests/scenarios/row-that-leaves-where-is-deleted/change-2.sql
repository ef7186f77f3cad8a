-- The third one was never given.
UPDATE hq.code SET inactive = true;
