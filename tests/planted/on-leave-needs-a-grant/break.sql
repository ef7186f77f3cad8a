REVOKE UPDATE ON north.code FROM acequia;
