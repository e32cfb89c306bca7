#!/bin/sh
# Runs once, when the database is made: the service's own database and role, which is no superuser.
# The image has put the extension into template1 before, so the new database has it.
set -eu
password=$(cat "${SHOUWANG_DB_PASSWORD_FILE:-/run/secrets/db_password}")
# Through standard input: an argument could be seen in the list of processes.
psql -v ON_ERROR_STOP=1 --no-psqlrc --quiet --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<SQL
CREATE ROLE shouwang LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '$password';
CREATE DATABASE shouwang OWNER shouwang;
REVOKE ALL ON DATABASE shouwang FROM PUBLIC;
SQL
