SELECT count(*) FROM hq.line s JOIN north.line t USING (name)
WHERE (s.b::text, s.j::text, s.a::text, s.n::text, s.t, s.f::text, s.x, s.c, s.ok, s.r)
    = (t.b::text, t.j::text, t.a::text, t.n::text, t.t, t.f::text, t.x, t.c, t.ok, t.r);
--> 1
SELECT count(*) FROM acequia.parked;
--> 0
