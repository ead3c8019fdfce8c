-- OAuth 2.0 clients (RFC 6749 §4.4) and the short-lived tokens they were given. Of secrets and tokens
-- only hashes are kept.
CREATE TABLE scim_clients (
  name      VARCHAR(128) NOT NULL PRIMARY KEY,
  client_id VARCHAR(64) NOT NULL UNIQUE,
  hash      VARCHAR(64) NOT NULL,
  scope     VARCHAR(16) NOT NULL CHECK (scope IN ('provision', 'read')),
  created   DATETIME(6) NOT NULL,
  expires   DATETIME(6) NULL,
  last_used DATETIME(6) NULL,
  revoked   DATETIME(6) NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE scim_access_tokens (
  hash    VARCHAR(64) NOT NULL PRIMARY KEY,
  client  VARCHAR(128) NOT NULL,
  created DATETIME(6) NOT NULL,
  expires DATETIME(6) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX scim_access_tokens_client ON scim_access_tokens (client, created);
CREATE INDEX scim_access_tokens_expires ON scim_access_tokens (expires);
