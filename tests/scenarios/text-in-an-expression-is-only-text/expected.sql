SELECT code, replace(label, E'\t', '<tab>') FROM north.code;
--> A00 | $1 {0} %L 's' -- ; \ "code" <tab> $2 code A00
