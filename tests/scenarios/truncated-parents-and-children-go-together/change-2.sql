-- Children go before their parents. North's codes stay, and so does what it has itself.
INSERT INTO north.fee_schedule VALUES (900, 'Of north');
COMMIT;
TRUNCATE hq.fee_schedule CASCADE;
