REVOKE USAGE ON SEQUENCE north.code_id_seq FROM acequia;
