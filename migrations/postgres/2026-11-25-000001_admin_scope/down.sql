-- Admin tokens go with their scope.
DELETE FROM scim_tokens WHERE scope = 'admin';
ALTER TABLE scim_tokens DROP CONSTRAINT scim_tokens_scope_check;
ALTER TABLE scim_tokens ADD CONSTRAINT scim_tokens_scope_check CHECK (scope IN ('provision', 'read'));
