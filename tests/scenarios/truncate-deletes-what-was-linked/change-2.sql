TRUNCATE hq.code;
