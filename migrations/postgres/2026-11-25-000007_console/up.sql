-- What the operator console asks: a person's open findings, and the findings of a kind page by page.
CREATE INDEX scim_findings_resource ON scim_findings (resource_type, legacy_key);
CREATE INDEX scim_findings_kind ON scim_findings (kind, fingerprint);
-- Users disabled since a time: an index on the time alone isn't chosen beside one on the type.
CREATE INDEX scim_links_disabled_users ON scim_links (resource_type, disabled_at);
DROP INDEX scim_links_disabled;
