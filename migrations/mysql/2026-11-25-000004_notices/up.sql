-- The outbox: what is to be told, a row for each channel. The occasion names what it tells of, so that
-- two agents make one row of it. A row that is due may be sent by any agent, which first puts `due`
-- ahead; what was sent or given up has none.
CREATE TABLE scim_notices (
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
  UNIQUE (occasion, channel)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
CREATE INDEX scim_notices_due ON scim_notices (channel, due);
