-- The customer lacks this one: it is created whole, with the text that the stream left out.
UPDATE hq.letter SET title = 'Farewell!' WHERE name = 'farewell';
