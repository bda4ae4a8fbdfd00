-- Until when, at least, it was known to be so: the device told the same later, or had told it before it was recorded. NULL:
-- as it was recorded.
ALTER TABLE evidence ADD COLUMN told INTEGER;
