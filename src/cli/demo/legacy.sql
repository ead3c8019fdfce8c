-- kpifire's own tables, as a small install on SQLite has them. The agent owns none of them.
CREATE TABLE IF NOT EXISTS departments (
  department_id INTEGER PRIMARY KEY AUTOINCREMENT,
  name          VARCHAR(150) NOT NULL COLLATE NOCASE UNIQUE,
  parent_id     INTEGER NULL REFERENCES departments(department_id),
  is_active     SMALLINT NOT NULL DEFAULT 1
);
CREATE TABLE IF NOT EXISTS users (
  user_id       INTEGER PRIMARY KEY AUTOINCREMENT,
  email         VARCHAR(191) NOT NULL COLLATE NOCASE UNIQUE,
  first_name    VARCHAR(100) NOT NULL,
  last_name     VARCHAR(100) NOT NULL,
  title         VARCHAR(100) NULL,
  phone_number  VARCHAR(40)  NULL,
  department_id INTEGER NOT NULL REFERENCES departments(department_id),
  license_type  VARCHAR(30) NOT NULL DEFAULT 'No Access' CHECK (license_type IN
    ('Administrator License','Executive License','Strategy License','Project License',
     'Team Member License','Idea License','View Only License','No Access')),
  status        VARCHAR(10) NOT NULL DEFAULT 'Active' CHECK (status IN ('Active','Inactive')),
  password_hash VARCHAR(255) NOT NULL,
  locale        VARCHAR(10) NOT NULL DEFAULT 'en_US',
  last_login_at TIMESTAMP NULL,
  created_at    TIMESTAMP NOT NULL,
  updated_at    TIMESTAMP NOT NULL,
  modified_by   VARCHAR(191) NULL
);
CREATE TABLE IF NOT EXISTS teams (
  team_id     INTEGER PRIMARY KEY AUTOINCREMENT,
  name        VARCHAR(150) NOT NULL COLLATE NOCASE UNIQUE,
  description TEXT NULL,
  leader_id   INTEGER NULL REFERENCES users(user_id),
  is_archived SMALLINT NOT NULL DEFAULT 0,
  created_at  TIMESTAMP NOT NULL,
  updated_at  TIMESTAMP NOT NULL
);
CREATE TABLE IF NOT EXISTS team_members (
  team_id     INTEGER NOT NULL REFERENCES teams(team_id),
  user_id     INTEGER NOT NULL REFERENCES users(user_id),
  member_role VARCHAR(20) NOT NULL DEFAULT 'Member',
  joined_at   TIMESTAMP NOT NULL,
  PRIMARY KEY (team_id, user_id)
);
CREATE INDEX IF NOT EXISTS team_members_user ON team_members(user_id);
CREATE TABLE IF NOT EXISTS user_sessions (
  session_id VARCHAR(64) PRIMARY KEY,
  user_id    INTEGER NOT NULL REFERENCES users(user_id),
  expires_at TIMESTAMP NOT NULL
);
CREATE TABLE IF NOT EXISTS api_tokens (
  token_id   INTEGER PRIMARY KEY AUTOINCREMENT,
  user_id    INTEGER NOT NULL REFERENCES users(user_id),
  token_hash VARCHAR(64) NOT NULL,
  created_at TIMESTAMP NOT NULL,
  revoked_at TIMESTAMP NULL
);
CREATE TABLE IF NOT EXISTS projects (
  project_id INTEGER PRIMARY KEY AUTOINCREMENT,
  title      VARCHAR(200) NOT NULL,
  owner_id   INTEGER NOT NULL REFERENCES users(user_id),
  team_id    INTEGER NULL REFERENCES teams(team_id)
);
CREATE TABLE IF NOT EXISTS ideas (
  idea_id   INTEGER PRIMARY KEY AUTOINCREMENT,
  title     VARCHAR(200) NOT NULL,
  author_id INTEGER NOT NULL REFERENCES users(user_id)
);
