-- The daemons that serve this database; each says every few seconds that it is there.
CREATE TABLE scim_agents (
  agent   VARCHAR(128) NOT NULL PRIMARY KEY,
  version VARCHAR(32) NOT NULL,
  started TIMESTAMP NOT NULL,
  seen    TIMESTAMP NOT NULL
);
