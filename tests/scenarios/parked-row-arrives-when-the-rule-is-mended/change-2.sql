SELECT 'nothing happens at the source';
-- acequia parked retry
