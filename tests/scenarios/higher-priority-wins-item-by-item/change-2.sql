UPDATE region.code SET price = price + 1;
