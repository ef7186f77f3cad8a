REVOKE SELECT ON hq.code FROM acequia;
