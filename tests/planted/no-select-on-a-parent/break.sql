REVOKE SELECT ON north.kind FROM acequia;
