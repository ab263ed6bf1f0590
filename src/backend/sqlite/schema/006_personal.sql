-- The keys under which personal data is sealed. Number 0 says that the subject was forgotten, and is no key.
--
-- A row is not moved: rows are only added at the end and changed in place, and are never deleted. So a key is where it was
-- written and nowhere else in the file, and is gone when zeros are written over it.
CREATE TABLE freehold_subject_keys (
    id      INTEGER PRIMARY KEY,
    subject TEXT    NOT NULL,
    number  INTEGER NOT NULL CHECK (number >= 0),
    key     BLOB    NOT NULL CHECK (length(key) = 32)
) STRICT;

CREATE UNIQUE INDEX freehold_subject_keys_of ON freehold_subject_keys (subject, number);
