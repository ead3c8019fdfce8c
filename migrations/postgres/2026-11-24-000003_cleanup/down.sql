DROP TABLE scim_guard;
DROP INDEX scim_cleanup_journal_at;
DROP TABLE scim_holds;
