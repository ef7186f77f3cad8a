UPDATE hq.code SET modifier = 'GO' WHERE id = 2;
