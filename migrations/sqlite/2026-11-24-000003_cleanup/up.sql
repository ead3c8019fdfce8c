-- Accounts that cleanup leaves alone until an operator releases them, and when each was last
-- cleaned: the thresholds count accounts by time.
CREATE TABLE scim_holds (
  legacy_key VARCHAR(191) NOT NULL PRIMARY KEY,
  since      TIMESTAMP NOT NULL,
  reason     VARCHAR(1000) NOT NULL
);
CREATE INDEX scim_cleanup_journal_at ON scim_cleanup_journal (at);

-- The guard against mass disabling: one row, which a request that disables locks before it counts.
CREATE TABLE scim_guard (
  name          VARCHAR(32) NOT NULL PRIMARY KEY,
  allowed_until TIMESTAMP NULL
);
INSERT INTO scim_guard (name, allowed_until) VALUES ('disable', NULL);
