-- What the reconciler keeps beyond the first tables: which slot of which schedule a run served, so
-- that one of several agents runs it, and which findings an operator ignores.
ALTER TABLE scim_runs ADD COLUMN job VARCHAR(32) NULL;
ALTER TABLE scim_runs ADD COLUMN slot TIMESTAMP(6) NULL;
ALTER TABLE scim_findings ADD COLUMN ignored TIMESTAMP(6) NULL;
ALTER TABLE scim_findings ADD COLUMN ignored_reason VARCHAR(1000) NULL;
CREATE INDEX scim_findings_resolved ON scim_findings (resolved);
