DROP TABLE scim_guard;
DROP INDEX scim_cleanup_journal_at ON scim_cleanup_journal;
DROP TABLE scim_holds;
