UPDATE region.revenue_code SET description = description || ' 2';
