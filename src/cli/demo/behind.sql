-- What somebody at the plant does in kpifire itself, past Entra: the drift that the report then shows.
-- A leaver is let in again.
UPDATE users SET status = 'Active' WHERE email = 'line.one@plant.example';
-- A title and a phone number are typed over.
UPDATE users SET title = 'Boss', phone_number = '+1 555 9999' WHERE email = 'ben.okafor@plant.example';
-- Somebody who works here is locked out.
UPDATE users SET status = 'Inactive' WHERE email = 'grace.kim@plant.example';
-- One leaves a team, and another joins it.
DELETE FROM team_members WHERE user_id = (SELECT user_id FROM users WHERE email = 'chen.wei@plant.example')
  AND team_id = (SELECT team_id FROM teams WHERE name = 'Kaizen Core');
INSERT OR IGNORE INTO team_members (team_id, user_id, member_role, joined_at)
  SELECT t.team_id, u.user_id, 'Member', CURRENT_TIMESTAMP FROM teams t, users u
  WHERE t.name = 'Kaizen Core' AND u.email = 'hugo.martin@plant.example';
-- A contractor gets an account that Entra knows nothing of.
INSERT INTO users (email, first_name, last_name, department_id, license_type, status, password_hash, created_at, updated_at)
  SELECT 'contractor@plant.example', 'Con', 'Tractor', 2, 'View Only License', 'Active', '$2y$10$local', CURRENT_TIMESTAMP, CURRENT_TIMESTAMP
  WHERE NOT EXISTS (SELECT 1 FROM users WHERE email = 'contractor@plant.example');
