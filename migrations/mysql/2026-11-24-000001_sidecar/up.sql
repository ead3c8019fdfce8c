-- The agent's own tables. They lie beside kpifire's so that one transaction covers both; nothing
-- here touches a table of kpifire's.
CREATE TABLE scim_links (
  resource_type VARCHAR(16) NOT NULL,
  legacy_key    VARCHAR(191) NOT NULL,
  external_id   VARCHAR(255) NULL,
  state         VARCHAR(16) NOT NULL CHECK (state IN ('matched', 'managed', 'deleted')),
  baseline      LONGTEXT NULL,
  baseline_hash VARCHAR(64) NULL,
  kept          LONGTEXT NULL,
  version       BIGINT NOT NULL DEFAULT 1,
  created       DATETIME(6) NOT NULL,
  modified      DATETIME(6) NOT NULL,
  disabled_at   DATETIME(6) NULL,
  deleted_at    DATETIME(6) NULL,
  cleanup_stage VARCHAR(16) NULL,
  PRIMARY KEY (resource_type, legacy_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX scim_links_external ON scim_links (resource_type, external_id);
CREATE INDEX scim_links_state ON scim_links (resource_type, state);
CREATE INDEX scim_links_disabled ON scim_links (disabled_at);

CREATE TABLE scim_desired_members (
  group_key VARCHAR(191) NOT NULL,
  user_key  VARCHAR(191) NOT NULL,
  created   DATETIME(6) NOT NULL,
  PRIMARY KEY (group_key, user_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX scim_desired_members_user ON scim_desired_members (user_key);

CREATE TABLE scim_tokens (
  name      VARCHAR(128) NOT NULL PRIMARY KEY,
  hash      VARCHAR(64) NOT NULL UNIQUE,
  scope     VARCHAR(16) NOT NULL CHECK (scope IN ('provision', 'read')),
  created   DATETIME(6) NOT NULL,
  expires   DATETIME(6) NULL,
  last_used DATETIME(6) NULL,
  revoked   DATETIME(6) NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE scim_audit (
  id            VARCHAR(36) NOT NULL PRIMARY KEY,
  at            DATETIME(6) NOT NULL,
  request_id    VARCHAR(64) NOT NULL,
  token         VARCHAR(128) NULL,
  operation     VARCHAR(32) NOT NULL,
  resource_type VARCHAR(16) NULL,
  resource      VARCHAR(191) NULL,
  before_values LONGTEXT NULL,
  after_values  LONGTEXT NULL,
  outcome       VARCHAR(32) NOT NULL,
  detail        TEXT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX scim_audit_at ON scim_audit (at);
CREATE INDEX scim_audit_resource ON scim_audit (resource_type, resource);

-- Row locks that make "is this name free, then take it" one step: a writer locks the slot of the
-- folded name for its transaction.
CREATE TABLE scim_name_locks (
  slot INTEGER NOT NULL PRIMARY KEY
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO scim_name_locks (slot)
  WITH RECURSIVE slots (slot) AS (SELECT 0 UNION ALL SELECT slot + 1 FROM slots WHERE slot < 255)
  SELECT slot FROM slots;

CREATE TABLE scim_runs (
  id            VARCHAR(36) NOT NULL PRIMARY KEY,
  started       DATETIME(6) NOT NULL,
  finished      DATETIME(6) NULL,
  verdict       VARCHAR(16) NULL,
  config_hash   VARCHAR(64) NULL,
  summary       LONGTEXT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX scim_runs_started ON scim_runs (started);

CREATE TABLE scim_findings (
  fingerprint   VARCHAR(64) NOT NULL PRIMARY KEY,
  kind          VARCHAR(32) NOT NULL,
  resource_type VARCHAR(16) NOT NULL,
  legacy_key    VARCHAR(191) NULL,
  field         VARCHAR(255) NULL,
  detail        LONGTEXT NULL,
  first_seen    DATETIME(6) NOT NULL,
  last_seen     DATETIME(6) NOT NULL,
  last_run      VARCHAR(36) NULL,
  resolved      DATETIME(6) NULL,
  resolution    VARCHAR(32) NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE scim_cleanup_journal (
  run           VARCHAR(36) NOT NULL,
  legacy_key    VARCHAR(191) NOT NULL,
  step          VARCHAR(64) NOT NULL,
  at            DATETIME(6) NOT NULL,
  before_values LONGTEXT NULL,
  outcome       VARCHAR(32) NOT NULL,
  PRIMARY KEY (run, legacy_key, step)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE scim_lease (
  name    VARCHAR(64) NOT NULL PRIMARY KEY,
  holder  VARCHAR(128) NOT NULL,
  epoch   BIGINT NOT NULL,
  until   DATETIME(6) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
