DROP TABLE scim_access_tokens;
DROP TABLE scim_clients;
