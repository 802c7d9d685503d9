-- The rights of the role that serves, given by the owner of the tables, in countersign's database, after each upgrade
-- that brought tables:
--
--     psql --username=countersign --dbname=countersign --file=rights.sql
--
-- The role can work, and can neither change the tables nor rewrite what was written down or issued.

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO countersign_serves;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO countersign_serves;
GRANT DELETE ON settings, directory_pins, mass_endings, sweeps TO countersign_serves;
REVOKE UPDATE ON audit FROM countersign_serves;
REVOKE INSERT, UPDATE ON _sqlx_migrations FROM countersign_serves;
