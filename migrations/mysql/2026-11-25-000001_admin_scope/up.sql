-- A third scope: tokens that open the admin listener, and nothing of SCIM.
ALTER TABLE scim_tokens MODIFY scope VARCHAR(16) NOT NULL CHECK (scope IN ('provision', 'read', 'admin'));
