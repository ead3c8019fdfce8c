DROP INDEX scim_findings_kind ON scim_findings;
DROP INDEX scim_findings_resource ON scim_findings;
