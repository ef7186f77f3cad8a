-- An older state never comes after a newer one: A00 is parked in its second state, and written in its third.
UPDATE hq.code SET description = 'Cholera is too long now' WHERE id = 1;
