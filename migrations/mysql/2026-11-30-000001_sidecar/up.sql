-- The agent's own tables. They lie beside kpifire's so that one transaction covers both; nothing
-- here touches a table of kpifire's. Times are UTC. MariaDB commits each statement by itself: every one
-- can be run again after a migration that was cut off.
CREATE TABLE IF NOT EXISTS scim_links (
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
  -- What the column of `active` held before the user was disabled.
  replaced      LONGTEXT NULL,
  -- The externalId that the row was another's under, until an operator says whose it is.
  reused_from   VARCHAR(255) NULL,
  PRIMARY KEY (resource_type, legacy_key),
  INDEX scim_links_external (resource_type, external_id),
  INDEX scim_links_state (resource_type, state),
  -- Users disabled since a time: an index on the time alone isn't chosen beside one on the type.
  INDEX scim_links_disabled_users (resource_type, disabled_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- By what kept attributes are found: a token stands for an attribute and its value.
CREATE TABLE IF NOT EXISTS scim_kept_values (
  resource_type VARCHAR(16) NOT NULL,
  legacy_key    VARCHAR(191) NOT NULL,
  token         VARCHAR(32) NOT NULL,
  PRIMARY KEY (resource_type, legacy_key, token),
  INDEX scim_kept_values_token (resource_type, token)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS scim_desired_members (
  group_key VARCHAR(191) NOT NULL,
  user_key  VARCHAR(191) NOT NULL,
  created   DATETIME(6) NOT NULL,
  PRIMARY KEY (group_key, user_key),
  INDEX scim_desired_members_user (user_key)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS scim_tokens (
  name      VARCHAR(128) NOT NULL PRIMARY KEY,
  hash      VARCHAR(64) NOT NULL UNIQUE,
  scope     VARCHAR(16) NOT NULL CHECK (scope IN ('provision', 'read', 'admin', 'operator')),
  created   DATETIME(6) NOT NULL,
  expires   DATETIME(6) NULL,
  last_used DATETIME(6) NULL,
  revoked   DATETIME(6) NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- OAuth 2.0 clients (RFC 6749 §4.4) and the short-lived tokens they were given. Of secrets and tokens
-- only hashes are kept.
CREATE TABLE IF NOT EXISTS scim_clients (
  name      VARCHAR(128) NOT NULL PRIMARY KEY,
  client_id VARCHAR(64) NOT NULL UNIQUE,
  hash      VARCHAR(64) NOT NULL,
  scope     VARCHAR(16) NOT NULL CHECK (scope IN ('provision', 'read')),
  created   DATETIME(6) NOT NULL,
  expires   DATETIME(6) NULL,
  last_used DATETIME(6) NULL,
  revoked   DATETIME(6) NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS scim_access_tokens (
  hash    VARCHAR(64) NOT NULL PRIMARY KEY,
  client  VARCHAR(128) NOT NULL,
  created DATETIME(6) NOT NULL,
  expires DATETIME(6) NOT NULL,
  INDEX scim_access_tokens_client (client, created),
  INDEX scim_access_tokens_expires (expires)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Who is signed in to the console: by a token, for some hours. Of a session's secret only its hash is kept.
CREATE TABLE IF NOT EXISTS scim_sessions (
  hash    VARCHAR(64) NOT NULL PRIMARY KEY,
  token   VARCHAR(128) NOT NULL,
  created DATETIME(6) NOT NULL,
  expires DATETIME(6) NOT NULL,
  INDEX scim_sessions_token (token),
  INDEX scim_sessions_expires (expires)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS scim_audit (
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
  detail        TEXT NULL,
  INDEX scim_audit_at (at),
  INDEX scim_audit_resource (resource_type, resource, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Row locks that make "is this name free, then take it" one step: a writer locks the slot of the
-- folded name for its transaction.
CREATE TABLE IF NOT EXISTS scim_name_locks (
  slot INTEGER NOT NULL PRIMARY KEY
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO scim_name_locks (slot)
  WITH RECURSIVE slots (slot) AS (SELECT 0 UNION ALL SELECT slot + 1 FROM slots WHERE slot < 255)
  SELECT slot FROM slots ON DUPLICATE KEY UPDATE scim_name_locks.slot = scim_name_locks.slot;

CREATE TABLE IF NOT EXISTS scim_runs (
  id          VARCHAR(36) NOT NULL PRIMARY KEY,
  started     DATETIME(6) NOT NULL,
  finished    DATETIME(6) NOT NULL,
  verdict     VARCHAR(16) NOT NULL,
  config_hash VARCHAR(64) NOT NULL,
  summary     LONGTEXT NOT NULL,
  -- Which slot of which schedule it served, so that one of several agents runs it.
  job         VARCHAR(32) NULL,
  slot        DATETIME(6) NULL,
  INDEX scim_runs_started (started)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS scim_findings (
  fingerprint    VARCHAR(64) NOT NULL PRIMARY KEY,
  kind           VARCHAR(32) NOT NULL,
  resource_type  VARCHAR(16) NOT NULL,
  legacy_key     VARCHAR(191) NULL,
  field          VARCHAR(255) NULL,
  detail         LONGTEXT NOT NULL,
  first_seen     DATETIME(6) NOT NULL,
  last_seen      DATETIME(6) NOT NULL,
  last_run       VARCHAR(36) NULL,
  resolved       DATETIME(6) NULL,
  resolution     VARCHAR(32) NULL,
  -- Since when an operator ignores it.
  ignored        DATETIME(6) NULL,
  ignored_reason VARCHAR(1000) NULL,
  INDEX scim_findings_resolved (resolved),
  -- What the operator console asks: a person's open findings, and the findings of a kind page by page.
  INDEX scim_findings_resource (resource_type, legacy_key),
  INDEX scim_findings_kind (kind, fingerprint)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS scim_cleanup_journal (
  run           VARCHAR(36) NOT NULL,
  legacy_key    VARCHAR(191) NOT NULL,
  step          VARCHAR(64) NOT NULL,
  at            DATETIME(6) NOT NULL,
  before_values LONGTEXT NOT NULL,
  outcome       VARCHAR(32) NOT NULL,
  PRIMARY KEY (run, legacy_key, step),
  -- The thresholds count accounts by time.
  INDEX scim_cleanup_journal_at (at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Accounts that cleanup leaves alone until an operator releases them.
CREATE TABLE IF NOT EXISTS scim_holds (
  legacy_key VARCHAR(191) NOT NULL PRIMARY KEY,
  since      DATETIME(6) NOT NULL,
  reason     VARCHAR(1000) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The guard against mass disabling: one row, which a request that disables locks before it counts.
CREATE TABLE IF NOT EXISTS scim_guard (
  name          VARCHAR(32) NOT NULL PRIMARY KEY,
  allowed_until DATETIME(6) NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
INSERT INTO scim_guard (name, allowed_until) VALUES ('disable', NULL) ON DUPLICATE KEY UPDATE name = name;

CREATE TABLE IF NOT EXISTS scim_lease (
  name   VARCHAR(64) NOT NULL PRIMARY KEY,
  holder VARCHAR(128) NOT NULL,
  epoch  BIGINT NOT NULL,
  until  DATETIME(6) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The daemons that serve this database; each says every few seconds that it is there.
CREATE TABLE IF NOT EXISTS scim_agents (
  agent   VARCHAR(128) NOT NULL PRIMARY KEY,
  version VARCHAR(32) NOT NULL,
  policy  VARCHAR(64) NOT NULL DEFAULT '',
  started DATETIME(6) NOT NULL,
  seen    DATETIME(6) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The outbox: what is to be told, a row for each channel. The occasion names what it tells of, so that
-- two agents make one row of it. A row that is due may be sent by any agent, which first puts `due`
-- ahead; what was sent or given up has none.
CREATE TABLE IF NOT EXISTS scim_notices (
  id         VARCHAR(36) NOT NULL PRIMARY KEY,
  channel    VARCHAR(16) NOT NULL,
  occasion   VARCHAR(128) NOT NULL,
  event      LONGTEXT NOT NULL,
  created    DATETIME(6) NOT NULL,
  due        DATETIME(6) NULL,
  attempts   INTEGER NOT NULL,
  tried      DATETIME(6) NULL,
  sent       DATETIME(6) NULL,
  given_up   DATETIME(6) NULL,
  last_error VARCHAR(1000) NULL,
  UNIQUE (occasion, channel),
  INDEX scim_notices_due (channel, due)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
