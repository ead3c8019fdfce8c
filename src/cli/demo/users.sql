SELECT u.user_id, u.email, u.first_name, u.last_name, u.title, u.phone_number, d.name,
       u.license_type, u.status, u.modified_by
FROM users u JOIN departments d ON d.department_id = u.department_id
ORDER BY u.user_id
