-- Admin tokens go with their scope. A CHECK can't be altered in SQLite.
DELETE FROM scim_tokens WHERE scope = 'admin';
CREATE TABLE scim_tokens_new (
  name      VARCHAR(128) NOT NULL PRIMARY KEY,
  hash      VARCHAR(64) NOT NULL UNIQUE,
  scope     VARCHAR(16) NOT NULL CHECK (scope IN ('provision', 'read')),
  created   TIMESTAMP NOT NULL,
  expires   TIMESTAMP NULL,
  last_used TIMESTAMP NULL,
  revoked   TIMESTAMP NULL
);
INSERT INTO scim_tokens_new SELECT name, hash, scope, created, expires, last_used, revoked FROM scim_tokens;
DROP TABLE scim_tokens;
ALTER TABLE scim_tokens_new RENAME TO scim_tokens;
