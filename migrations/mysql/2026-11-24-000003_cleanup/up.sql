-- Accounts that cleanup leaves alone until an operator releases them, and when each was last
-- cleaned: the thresholds count accounts by time.
CREATE TABLE scim_holds (
  legacy_key VARCHAR(191) NOT NULL PRIMARY KEY,
  since      DATETIME(6) NOT NULL,
  reason     VARCHAR(1000) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX scim_cleanup_journal_at ON scim_cleanup_journal (at);

-- The guard against mass disabling: one row, which a request that disables locks before it counts.
CREATE TABLE scim_guard (
  name          VARCHAR(32) NOT NULL PRIMARY KEY,
  allowed_until DATETIME(6) NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO scim_guard (name, allowed_until) VALUES ('disable', NULL);
