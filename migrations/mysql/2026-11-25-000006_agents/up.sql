-- The daemons that serve this database; each says every few seconds that it is there.
CREATE TABLE scim_agents (
  agent   VARCHAR(128) NOT NULL PRIMARY KEY,
  version VARCHAR(32) NOT NULL,
  started DATETIME(6) NOT NULL,
  seen    DATETIME(6) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
