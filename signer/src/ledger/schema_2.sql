-- The specs that a ticket is for, as a list in JSON; NULL: all of them.
ALTER TABLE ticket ADD COLUMN specs TEXT;

-- The numbers of the audit records with which a locked profile was last handed out again, and with which its device last
-- answered.
ALTER TABLE issuance ADD COLUMN again INTEGER;
ALTER TABLE issuance ADD COLUMN answered INTEGER;
