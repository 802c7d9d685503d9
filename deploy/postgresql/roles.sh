#!/bin/sh
# Makes the two roles and the database, as a superuser, once. The image of PostgreSQL runs it when its volume is empty;
# by hand: PGUSER=postgres OWNER_FILE=… SERVES_FILE=… sh roles.sh
#
# `countersign` owns the tables and migrates them; `countersign_serves` serves (rights.sql).
set -eu

psql --set=ON_ERROR_STOP=1 --no-psqlrc --username="${POSTGRES_USER:-${PGUSER:-postgres}}" --dbname=postgres \
    --set=owner="$(cat "${OWNER_FILE:-/run/secrets/owner}")" \
    --set=serves="$(cat "${SERVES_FILE:-/run/secrets/serves}")" <<'SQL'
SET password_encryption = 'scram-sha-256';
CREATE ROLE countersign LOGIN PASSWORD :'owner';
CREATE ROLE countersign_serves LOGIN PASSWORD :'serves';
CREATE DATABASE countersign OWNER countersign ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE countersign FROM PUBLIC;
GRANT CONNECT ON DATABASE countersign TO countersign_serves;
SQL
