SELECT (SELECT COUNT(*) FROM user_sessions s WHERE s.user_id = u.user_id),
       (SELECT COUNT(*) FROM api_tokens a WHERE a.user_id = u.user_id AND a.revoked_at IS NULL)
FROM users u WHERE u.email = 'line.one@plant.example'
