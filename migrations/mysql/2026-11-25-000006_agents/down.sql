DROP TABLE scim_agents;
