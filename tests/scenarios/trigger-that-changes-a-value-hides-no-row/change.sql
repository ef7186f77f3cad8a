INSERT INTO hq.item VALUES (2, 'seen');
INSERT INTO hq.line VALUES (1, 'arrives', 2, 'quiet'), (2, 'waits', 1, 'quiet');
