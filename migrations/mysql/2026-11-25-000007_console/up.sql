-- What the operator console asks: a person's open findings, and the findings of a kind page by page.
CREATE INDEX scim_findings_resource ON scim_findings (resource_type, legacy_key);
CREATE INDEX scim_findings_kind ON scim_findings (kind, fingerprint);
