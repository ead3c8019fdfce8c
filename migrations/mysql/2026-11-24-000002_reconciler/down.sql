DROP INDEX IF EXISTS scim_findings_resolved ON scim_findings;
ALTER TABLE scim_findings DROP COLUMN IF EXISTS ignored_reason;
ALTER TABLE scim_findings DROP COLUMN IF EXISTS ignored;
ALTER TABLE scim_runs DROP COLUMN IF EXISTS slot;
ALTER TABLE scim_runs DROP COLUMN IF EXISTS job;
