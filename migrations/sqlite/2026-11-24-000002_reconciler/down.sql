DROP INDEX scim_findings_resolved;
ALTER TABLE scim_findings DROP COLUMN ignored_reason;
ALTER TABLE scim_findings DROP COLUMN ignored;
ALTER TABLE scim_runs DROP COLUMN slot;
ALTER TABLE scim_runs DROP COLUMN job;
