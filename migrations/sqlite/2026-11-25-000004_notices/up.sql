-- The outbox: what is to be told, a row for each channel. The occasion names what it tells of, so that
-- two agents make one row of it. A row that is due may be sent by any agent, which first puts `due`
-- ahead; what was sent or given up has none.
CREATE TABLE scim_notices (
  id         VARCHAR(36) NOT NULL PRIMARY KEY,
  channel    VARCHAR(16) NOT NULL,
  occasion   VARCHAR(128) NOT NULL,
  event      TEXT NOT NULL,
  created    TIMESTAMP NOT NULL,
  due        TIMESTAMP NULL,
  attempts   INTEGER NOT NULL,
  tried      TIMESTAMP NULL,
  sent       TIMESTAMP NULL,
  given_up   TIMESTAMP NULL,
  last_error VARCHAR(1000) NULL,
  UNIQUE (occasion, channel)
);
CREATE INDEX scim_notices_due ON scim_notices (channel, due);
