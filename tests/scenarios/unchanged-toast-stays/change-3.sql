-- Now it has it: the text stays as it is.
UPDATE hq.letter SET title = 'Good-bye!' WHERE name = 'farewell';
