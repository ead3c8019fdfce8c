DROP TABLE scim_notices;
