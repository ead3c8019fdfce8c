DROP TABLE IF EXISTS scim_guard;
DROP INDEX IF EXISTS scim_cleanup_journal_at ON scim_cleanup_journal;
DROP TABLE IF EXISTS scim_holds;
