-- The specs that a ticket is for, as a list in JSON; NULL: all of them.
ALTER TABLE ticket ADD COLUMN specs TEXT;
