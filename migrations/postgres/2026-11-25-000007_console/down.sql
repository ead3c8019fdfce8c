CREATE INDEX scim_links_disabled ON scim_links (disabled_at);
DROP INDEX scim_links_disabled_users;
DROP INDEX scim_findings_kind;
DROP INDEX scim_findings_resource;
