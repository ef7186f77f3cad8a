DROP TABLE acequia.parked CASCADE;
