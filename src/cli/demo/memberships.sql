SELECT t.name, u.email, m.member_role, u.status, m.joined_at
FROM team_members m
JOIN teams t ON t.team_id = m.team_id
JOIN users u ON u.user_id = m.user_id
ORDER BY t.team_id, u.user_id
