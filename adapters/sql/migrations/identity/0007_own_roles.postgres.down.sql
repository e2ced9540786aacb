-- Earlier versions cannot read accounts with other roles than these two.
DELETE FROM user_roles WHERE role NOT IN ('admin', 'user');
DROP TABLE role_policy;
DROP TABLE roles;
