-- A third scope: tokens that open the admin listener, and nothing of SCIM.
ALTER TABLE scim_tokens DROP CONSTRAINT scim_tokens_scope_check;
ALTER TABLE scim_tokens ADD CONSTRAINT scim_tokens_scope_check CHECK (scope IN ('provision', 'read', 'admin'));
