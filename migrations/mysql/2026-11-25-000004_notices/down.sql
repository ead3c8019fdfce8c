DROP TABLE IF EXISTS scim_notices;
