REVOKE SELECT ON north.code FROM acequia;
