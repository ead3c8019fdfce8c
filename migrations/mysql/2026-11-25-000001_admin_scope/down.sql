-- Admin tokens go with their scope.
DELETE FROM scim_tokens WHERE scope = 'admin';
ALTER TABLE scim_tokens MODIFY scope VARCHAR(16) NOT NULL CHECK (scope IN ('provision', 'read'));
