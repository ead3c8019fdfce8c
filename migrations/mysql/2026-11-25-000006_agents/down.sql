DROP TABLE IF EXISTS scim_agents;
