TRUNCATE hq.revenue_code;
