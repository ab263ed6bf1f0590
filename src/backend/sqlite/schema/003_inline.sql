-- What is folded within every commit, by whoever makes it. The store itself holds the lease of that name.
CREATE TABLE freehold_inline (
    name TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
