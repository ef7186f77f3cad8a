REVOKE DELETE ON north.code FROM acequia;
