CREATE INDEX scim_links_disabled ON scim_links (disabled_at);
DROP INDEX scim_links_disabled_users ON scim_links;
DROP INDEX scim_findings_kind ON scim_findings;
DROP INDEX scim_findings_resource ON scim_findings;
