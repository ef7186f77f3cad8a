UPDATE region.code SET price = 21;
