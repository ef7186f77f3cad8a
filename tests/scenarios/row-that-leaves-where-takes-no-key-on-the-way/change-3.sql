-- Back inside: both get the names that they have.
UPDATE hq.code SET inactive = false, description = 'back' WHERE inactive;
-- acequia parked retry
