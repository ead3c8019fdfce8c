-- What the plant has before Entra ever calls: written once, into empty tables.
INSERT INTO departments (department_id, name, parent_id, is_active) VALUES
  (1,'Unassigned',NULL,1),(2,'Operations',NULL,1),(3,'Quality',2,1),(4,'Assembly',2,1),(5,'Finance',NULL,1);
INSERT INTO users (user_id, email, first_name, last_name, title, phone_number, department_id, license_type, status, password_hash, created_at, updated_at) VALUES
  (1,'admin@plant.example','Install','Admin','Administrator',NULL,1,'Administrator License','Active','$2y$10$local','2019-03-01 08:00:00','2019-03-01 08:00:00'),
  (2,'svc-reports@plant.example','Report','Service',NULL,NULL,1,'View Only License','Active','$2y$10$local','2019-03-01 08:05:00','2019-03-01 08:05:00'),
  (3,'quality.lead@plant.example','Quality','Lead','Quality Lead','+1 555 0103',3,'Project License','Active','$2y$10$local','2020-01-15 09:30:00','2023-06-02 14:10:00'),
  (4,'line.one@plant.example','Line','One','Operator',NULL,4,'Team Member License','Active','$2y$10$local','2020-02-01 07:00:00','2022-11-11 11:11:11'),
  (5,'line.two@plant.example','Line','Two','Operator',NULL,4,'Team Member License','Inactive','$2y$10$local','2020-02-01 07:00:00','2024-04-30 16:45:00');
INSERT INTO teams (team_id, name, description, leader_id, is_archived, created_at, updated_at) VALUES
  (1,'Kaizen Core','Continuous improvement core team',3,0,'2020-03-01 10:00:00','2020-03-01 10:00:00'),
  (2,'Safety Circle',NULL,NULL,0,'2020-05-01 10:00:00','2020-05-01 10:00:00');
INSERT INTO team_members (team_id, user_id, member_role, joined_at) VALUES
  (1,3,'Leader','2020-03-01 10:00:00'),(1,4,'Member','2020-03-02 10:00:00'),(2,4,'Member','2020-05-02 10:00:00');
INSERT INTO user_sessions (session_id, user_id, expires_at) VALUES ('sess-line-one',4,'2099-01-01 00:00:00');
INSERT INTO api_tokens (token_id, user_id, token_hash, created_at, revoked_at) VALUES (1,2,'6f1ed002ab5595859014ebf0951522d9','2021-01-01 00:00:00',NULL),(2,4,'0cc175b9c0f1b6a831c399e269772661','2021-01-01 00:00:00',NULL);
INSERT INTO projects (project_id, title, owner_id, team_id) VALUES (1,'Reduce scrap on line 1',3,1),(2,'Shorten changeover',4,1);
INSERT INTO ideas (idea_id, title, author_id) VALUES (1,'Label bins by shift',4);
