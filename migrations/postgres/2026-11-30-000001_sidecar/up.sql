-- The agent's own tables. They lie beside kpifire's so that one transaction covers both; nothing
-- here touches a table of kpifire's. Times are UTC.
CREATE TABLE scim_links (
  resource_type VARCHAR(16) NOT NULL,
  legacy_key    VARCHAR(191) NOT NULL,
  external_id   VARCHAR(255) NULL,
  state         VARCHAR(16) NOT NULL CHECK (state IN ('matched', 'managed', 'deleted')),
  baseline      TEXT NULL,
  baseline_hash VARCHAR(64) NULL,
  kept          TEXT NULL,
  version       BIGINT NOT NULL DEFAULT 1,
  created       TIMESTAMP(6) NOT NULL,
  modified      TIMESTAMP(6) NOT NULL,
  disabled_at   TIMESTAMP(6) NULL,
  deleted_at    TIMESTAMP(6) NULL,
  cleanup_stage VARCHAR(16) NULL,
  -- What the column of `active` held before the user was disabled.
  replaced      TEXT NULL,
  -- The externalId that the row was another's under, until an operator says whose it is.
  reused_from   VARCHAR(255) NULL,
  PRIMARY KEY (resource_type, legacy_key)
);
CREATE INDEX scim_links_external ON scim_links (resource_type, external_id);
CREATE INDEX scim_links_state ON scim_links (resource_type, state);
-- Users disabled since a time: an index on the time alone isn't chosen beside one on the type.
CREATE INDEX scim_links_disabled_users ON scim_links (resource_type, disabled_at);

-- By what kept attributes are found: a token stands for an attribute and its value.
CREATE TABLE scim_kept_values (
  resource_type VARCHAR(16) NOT NULL,
  legacy_key    VARCHAR(191) NOT NULL,
  token         VARCHAR(32) NOT NULL,
  PRIMARY KEY (resource_type, legacy_key, token)
);
CREATE INDEX scim_kept_values_token ON scim_kept_values (resource_type, token);

CREATE TABLE scim_desired_members (
  group_key VARCHAR(191) NOT NULL,
  user_key  VARCHAR(191) NOT NULL,
  created   TIMESTAMP(6) NOT NULL,
  PRIMARY KEY (group_key, user_key)
);
CREATE INDEX scim_desired_members_user ON scim_desired_members (user_key);

CREATE TABLE scim_tokens (
  name      VARCHAR(128) NOT NULL PRIMARY KEY,
  hash      VARCHAR(64) NOT NULL UNIQUE,
  scope     VARCHAR(16) NOT NULL CHECK (scope IN ('provision', 'read', 'admin', 'operator')),
  created   TIMESTAMP(6) NOT NULL,
  expires   TIMESTAMP(6) NULL,
  last_used TIMESTAMP(6) NULL,
  revoked   TIMESTAMP(6) NULL
);

-- OAuth 2.0 clients (RFC 6749 §4.4) and the short-lived tokens they were given. Of secrets and tokens
-- only hashes are kept.
CREATE TABLE scim_clients (
  name      VARCHAR(128) NOT NULL PRIMARY KEY,
  client_id VARCHAR(64) NOT NULL UNIQUE,
  hash      VARCHAR(64) NOT NULL,
  scope     VARCHAR(16) NOT NULL CHECK (scope IN ('provision', 'read')),
  created   TIMESTAMP(6) NOT NULL,
  expires   TIMESTAMP(6) NULL,
  last_used TIMESTAMP(6) NULL,
  revoked   TIMESTAMP(6) NULL
);

CREATE TABLE scim_access_tokens (
  hash    VARCHAR(64) NOT NULL PRIMARY KEY,
  client  VARCHAR(128) NOT NULL,
  created TIMESTAMP(6) NOT NULL,
  expires TIMESTAMP(6) NOT NULL
);
CREATE INDEX scim_access_tokens_client ON scim_access_tokens (client, created);
CREATE INDEX scim_access_tokens_expires ON scim_access_tokens (expires);

-- Who is signed in to the console: by a token, for some hours. Of a session's secret only its hash is kept.
CREATE TABLE scim_sessions (
  hash    VARCHAR(64) NOT NULL PRIMARY KEY,
  token   VARCHAR(128) NOT NULL,
  created TIMESTAMP(6) NOT NULL,
  expires TIMESTAMP(6) NOT NULL
);
CREATE INDEX scim_sessions_token ON scim_sessions (token);
CREATE INDEX scim_sessions_expires ON scim_sessions (expires);

CREATE TABLE scim_audit (
  id            VARCHAR(36) NOT NULL PRIMARY KEY,
  at            TIMESTAMP(6) NOT NULL,
  request_id    VARCHAR(64) NOT NULL,
  token         VARCHAR(128) NULL,
  operation     VARCHAR(32) NOT NULL,
  resource_type VARCHAR(16) NULL,
  resource      VARCHAR(191) NULL,
  before_values TEXT NULL,
  after_values  TEXT NULL,
  outcome       VARCHAR(32) NOT NULL,
  detail        TEXT NULL
);
CREATE INDEX scim_audit_at ON scim_audit (at);
CREATE INDEX scim_audit_resource ON scim_audit (resource_type, resource, id);

-- Row locks that make "is this name free, then take it" one step: a writer locks the slot of the
-- folded name for its transaction.
CREATE TABLE scim_name_locks (
  slot INTEGER NOT NULL PRIMARY KEY
);
INSERT INTO scim_name_locks (slot) SELECT generate_series(0, 255);

CREATE TABLE scim_runs (
  id          VARCHAR(36) NOT NULL PRIMARY KEY,
  started     TIMESTAMP(6) NOT NULL,
  finished    TIMESTAMP(6) NOT NULL,
  verdict     VARCHAR(16) NOT NULL,
  config_hash VARCHAR(64) NOT NULL,
  summary     TEXT NOT NULL,
  -- Which slot of which schedule it served, so that one of several agents runs it.
  job         VARCHAR(32) NULL,
  slot        TIMESTAMP(6) NULL
);
CREATE INDEX scim_runs_started ON scim_runs (started);

CREATE TABLE scim_findings (
  fingerprint    VARCHAR(64) NOT NULL PRIMARY KEY,
  kind           VARCHAR(32) NOT NULL,
  resource_type  VARCHAR(16) NOT NULL,
  legacy_key     VARCHAR(191) NULL,
  field          VARCHAR(255) NULL,
  detail         TEXT NOT NULL,
  first_seen     TIMESTAMP(6) NOT NULL,
  last_seen      TIMESTAMP(6) NOT NULL,
  last_run       VARCHAR(36) NULL,
  resolved       TIMESTAMP(6) NULL,
  resolution     VARCHAR(32) NULL,
  -- Since when an operator ignores it.
  ignored        TIMESTAMP(6) NULL,
  ignored_reason VARCHAR(1000) NULL
);
CREATE INDEX scim_findings_resolved ON scim_findings (resolved);
-- What the operator console asks: a person's open findings, and the findings of a kind page by page.
CREATE INDEX scim_findings_resource ON scim_findings (resource_type, legacy_key);
CREATE INDEX scim_findings_kind ON scim_findings (kind, fingerprint);

CREATE TABLE scim_cleanup_journal (
  run           VARCHAR(36) NOT NULL,
  legacy_key    VARCHAR(191) NOT NULL,
  step          VARCHAR(64) NOT NULL,
  at            TIMESTAMP(6) NOT NULL,
  before_values TEXT NOT NULL,
  outcome       VARCHAR(32) NOT NULL,
  PRIMARY KEY (run, legacy_key, step)
);
-- The thresholds count accounts by time.
CREATE INDEX scim_cleanup_journal_at ON scim_cleanup_journal (at);

-- Accounts that cleanup leaves alone until an operator releases them.
CREATE TABLE scim_holds (
  legacy_key VARCHAR(191) NOT NULL PRIMARY KEY,
  since      TIMESTAMP(6) NOT NULL,
  reason     VARCHAR(1000) NOT NULL
);

-- The guard against mass disabling: one row, which a request that disables locks before it counts.
CREATE TABLE scim_guard (
  name          VARCHAR(32) NOT NULL PRIMARY KEY,
  allowed_until TIMESTAMP(6) NULL
);
INSERT INTO scim_guard (name, allowed_until) VALUES ('disable', NULL);

CREATE TABLE scim_lease (
  name   VARCHAR(64) NOT NULL PRIMARY KEY,
  holder VARCHAR(128) NOT NULL,
  epoch  BIGINT NOT NULL,
  until  TIMESTAMP(6) NOT NULL
);

-- The daemons that serve this database; each says every few seconds that it is there.
CREATE TABLE scim_agents (
  agent   VARCHAR(128) NOT NULL PRIMARY KEY,
  version VARCHAR(32) NOT NULL,
  policy  VARCHAR(64) NOT NULL DEFAULT '',
  started TIMESTAMP(6) NOT NULL,
  seen    TIMESTAMP(6) NOT NULL
);

-- The outbox: what is to be told, a row for each channel. The occasion names what it tells of, so that
-- two agents make one row of it. A row that is due may be sent by any agent, which first puts `due`
-- ahead; what was sent or given up has none.
CREATE TABLE scim_notices (
  id         VARCHAR(36) NOT NULL PRIMARY KEY,
  channel    VARCHAR(16) NOT NULL,
  occasion   VARCHAR(128) NOT NULL,
  event      TEXT NOT NULL,
  created    TIMESTAMP(6) NOT NULL,
  due        TIMESTAMP(6) NULL,
  attempts   INTEGER NOT NULL,
  tried      TIMESTAMP(6) NULL,
  sent       TIMESTAMP(6) NULL,
  given_up   TIMESTAMP(6) NULL,
  last_error VARCHAR(1000) NULL,
  UNIQUE (occasion, channel)
);
CREATE INDEX scim_notices_due ON scim_notices (channel, due);
