DROP INDEX scim_findings_kind;
DROP INDEX scim_findings_resource;
