-- Earlier versions would show a membership as a role.
DELETE FROM user_roles WHERE role LIKE 'group:%';
DROP TABLE user_groups;
