DROP TABLE IF EXISTS scim_access_tokens;
DROP TABLE IF EXISTS scim_clients;
