ALTER SCHEMA acequia OWNER TO postgres;
REASSIGN OWNED BY acequia TO postgres;
REVOKE ALL ON SCHEMA acequia FROM acequia;
