SELECT t.team_id, t.name, t.description, l.email,
       CASE t.is_archived WHEN 0 THEN 'no' ELSE 'yes' END,
       (SELECT COUNT(*) FROM team_members m WHERE m.team_id = t.team_id)
FROM teams t LEFT JOIN users l ON l.user_id = t.leader_id
ORDER BY t.team_id
