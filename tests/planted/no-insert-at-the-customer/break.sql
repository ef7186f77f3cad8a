REVOKE INSERT ON north.code FROM acequia;
