UPDATE north.code SET description = 'changed by north' WHERE code = 'B01';
