-- The address that a link is mailed to and that it gives the account; NULL for a link to the address of the account.
ALTER TABLE account_links ADD COLUMN email TEXT COLLATE "C";
