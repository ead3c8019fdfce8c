-- The agent's own tables. They lie beside kpifire's so that one transaction covers both; nothing
-- here touches a table of kpifire's.
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
  PRIMARY KEY (resource_type, legacy_key)
);
CREATE INDEX scim_links_external ON scim_links (resource_type, external_id);
CREATE INDEX scim_links_state ON scim_links (resource_type, state);
CREATE INDEX scim_links_disabled ON scim_links (disabled_at);

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
  scope     VARCHAR(16) NOT NULL CHECK (scope IN ('provision', 'read')),
  created   TIMESTAMP(6) NOT NULL,
  expires   TIMESTAMP(6) NULL,
  last_used TIMESTAMP(6) NULL,
  revoked   TIMESTAMP(6) NULL
);

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
CREATE INDEX scim_audit_resource ON scim_audit (resource_type, resource);

-- Row locks that make "is this name free, then take it" one step: a writer locks the slot of the
-- folded name for its transaction.
CREATE TABLE scim_name_locks (
  slot INTEGER NOT NULL PRIMARY KEY
);
INSERT INTO scim_name_locks (slot) SELECT generate_series(0, 255);

CREATE TABLE scim_runs (
  id            VARCHAR(36) NOT NULL PRIMARY KEY,
  started       TIMESTAMP(6) NOT NULL,
  finished      TIMESTAMP(6) NULL,
  verdict       VARCHAR(16) NULL,
  config_hash   VARCHAR(64) NULL,
  summary       TEXT NULL
);
CREATE INDEX scim_runs_started ON scim_runs (started);

CREATE TABLE scim_findings (
  fingerprint   VARCHAR(64) NOT NULL PRIMARY KEY,
  kind          VARCHAR(32) NOT NULL,
  resource_type VARCHAR(16) NOT NULL,
  legacy_key    VARCHAR(191) NULL,
  field         VARCHAR(255) NULL,
  detail        TEXT NULL,
  first_seen    TIMESTAMP(6) NOT NULL,
  last_seen     TIMESTAMP(6) NOT NULL,
  last_run      VARCHAR(36) NULL,
  resolved      TIMESTAMP(6) NULL,
  resolution    VARCHAR(32) NULL
);

CREATE TABLE scim_cleanup_journal (
  run           VARCHAR(36) NOT NULL,
  legacy_key    VARCHAR(191) NOT NULL,
  step          VARCHAR(64) NOT NULL,
  at            TIMESTAMP(6) NOT NULL,
  before_values TEXT NULL,
  outcome       VARCHAR(32) NOT NULL,
  PRIMARY KEY (run, legacy_key, step)
);

CREATE TABLE scim_lease (
  name    VARCHAR(64) NOT NULL PRIMARY KEY,
  holder  VARCHAR(128) NOT NULL,
  epoch   BIGINT NOT NULL,
  until   TIMESTAMP(6) NOT NULL
);
