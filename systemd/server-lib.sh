# What install-server, backup-server and restore-server share; for bash, as root.
# shellcheck shell=bash disable=SC2034

ETC=/etc/sungrow-server
OPT=/opt/sungrow-server
STATE=/var/lib/sungrow-server
BACKUPS=/var/backups/sungrow-server
SOCKET=/run/sungrow-server.sock
ACCOUNT=sungrow-server
GRAFANA=sungrow_grafana
UNITS=(sungrow-server.socket sungrow-server.service)
. "$(dirname "${BASH_SOURCE[0]}")/server-alerts.sh"

say() { echo "$*"; }
# The comment at the top of the script.
usage() { sed -n '/^set/q;2,$s/^# \{0,1\}//p' "$0"; }
fail() { error "$*"; exit 1; }
# With its priority where stderr is the journal, as jsonlog.py does.
error() {
    local priority=''
    [ -z "${JOURNAL_STREAM:-}" ] || [ "$(stat -Lc %d:%i /dev/fd/8 8>&2 2>/dev/null)" != "$JOURNAL_STREAM" ] || priority='<3>'
    echo "$priority$*" >&2
}

need_root() {
    [ "$(id -u)" = 0 ] || fail "this needs root: sudo $0"
    cd /
    # install-server runs backup-server while it holds the lock itself.
    [ -n "${SUNGROW_LOCKED:-}" ] && return
    exec 9>/run/lock/sungrow-server
    flock -w 600 9 || fail "another install, backup or restore is at work: wait for its end"
    export SUNGROW_LOCKED=1
}

# The value of a line NAME=value of site.env, which install-server alone writes; empty where there is none.
setting() { { sed -n "s/^$2=//p" "$1" 2>/dev/null || true; } | tail -n 1; }

# The release whose code reads the settings, and whose module server.pg runs PostgreSQL's programs.
RELEASE=${SUNGROW_RELEASE:-$OPT/current}

# python -m MODULE of a release, as the service does it: its user, no environment but the settings.
as_service() {
    local release=$1
    shift
    (cd "$release" && exec runuser -u "$ACCOUNT" -- env -i PATH="$PATH" LANG=C.UTF-8 SUNGROW_INSTALLED=1 \
        .venv/bin/python -m "$@")
}

# --- the database that the service uses ---
#
# Which one it is the server's own reader of the settings says, whatever its host, port or name, and however
# they are written. Where user postgres of this machine is that very server's superuser (peer
# authentication over its socket: no password anywhere), a restored database takes the place of the
# former; elsewhere all is done with the service's own rights, on the tables alone.

DATABASE='' DB_HOST='' DB_PORT='' DB_MAJOR='' DB_OWNER='' DB_USER='' SOCKETS=''

# psql as the service.
ask_database() { as_service "$RELEASE" server.pg psql -XqtA -v ON_ERROR_STOP=1 "$@"; }

# Find it, and who may do what with it; with status 1, and the reason said, where it does not answer.
find_database() {
    local said found started folder
    refuse_settings_of_the_unit
    said=$(
        ask_database <<'SQL'
\echo :HOST
SELECT current_setting('port');
SELECT current_setting('server_version_num')::int / 10000;
SELECT current_database();
SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database();
SELECT current_user;
SELECT extract(epoch FROM pg_postmaster_start_time());
SQL
    ) || return 1
    mapfile -t found <<<"$said"
    DB_HOST=${found[0]} DB_PORT=${found[1]} DB_MAJOR=${found[2]} DATABASE=${found[3]}
    DB_OWNER=${found[4]} DB_USER=${found[5]} started=${found[6]} SOCKETS=''
    # The same moment of its start, to the microsecond: the same server.
    for folder in "$DB_HOST" /run/postgresql; do
        if [[ $folder == /* ]] && [ "$(start_of_server "$folder" 2>/dev/null)" = "$started" ]; then
            SOCKETS=$folder
            return
        fi
    done
}

start_of_server() {
    as_postgres "$(program psql)" -XqtA -h "$1" -p "$DB_PORT" -d postgres -c \
        "SELECT extract(epoch FROM pg_postmaster_start_time()) FROM pg_roles WHERE rolname = current_user AND rolsuper"
}

# Where the settings say that it is, without asking it; OURS where install-server makes such a one.
look_for_database() {
    local said found
    refuse_settings_of_the_unit
    said=$(as_service "$RELEASE" server.pg where) || return 1
    mapfile -t found <<<"$said"
    DB_HOST=${found[0]-} DB_PORT=${found[1]-} DATABASE=${found[2]-} DB_USER=${found[3]-} DB_ADDRESSES=${found[4]-}
    : "${DB_USER:=$ACCOUNT}" "${DATABASE:=$DB_USER}"
    OURS='' SOCKETS=''
    if [[ $DB_HOST =~ ^(/(var/)?run/postgresql)?$ && $DB_USER = "$ACCOUNT" ]]; then
        OURS=yes DB_OWNER=$ACCOUNT SOCKETS=${DB_HOST:-/run/postgresql}
    fi
}

# One that is gone, on a server of this machine: for restore-server, which makes it again.
find_lost_database() {
    look_for_database || return 1
    : "${DB_PORT:=5432}"
    DB_MAJOR=$(pg_lsclusters -h 2>/dev/null | awk -v port="$DB_PORT" '$3 == port { print $1 }')
    [ -n "$OURS" ] && start_of_server "$SOCKETS" >/dev/null && ! has_database "$DATABASE"
}

# All commands read server.env; what the unit alone knows they would miss, and take another database.
refuse_settings_of_the_unit() {
    local found file
    found=$(systemctl show sungrow-server.service --property=Environment --value 2>/dev/null || true)
    while read -r file _; do
        found+=" $(cat "${file#-}" 2>/dev/null || true)"
    done < <(systemctl show sungrow-server.service --property=EnvironmentFiles --value 2>/dev/null || true)
    [[ $found != *DATABASE_URL* ]] ||
        fail "the unit sets DATABASE_URL itself (see: systemctl cat sungrow-server): take it out there and put it into $ETC/server.env, which the commands read as well"
}

the_database() { echo "$DATABASE at ${DB_HOST:-this machine}${DB_PORT:+ port $DB_PORT}"; }

# The program that goes with that server: Debian keeps several.
program() {
    local found=/usr/lib/postgresql/$DB_MAJOR/bin/$1
    if [ -x "$found" ]; then echo "$found"; else echo "$1"; fi
}

# As that server's superuser; who calls these has looked at SOCKETS.
as_postgres() { runuser -u postgres -- "$@"; }
as_superuser() {
    local name=$1
    shift
    as_postgres env PGOPTIONS='-c client_min_messages=error' "$(program "$name")" -h "$SOCKETS" -p "$DB_PORT" "$@"
}
sql() { as_superuser psql -XqtA -v ON_ERROR_STOP=1 "$@"; }

# A database's name for -d, which would take one with = in it for more than a name.
named() {
    local name=${1//\\/\\\\}
    echo "dbname='${name//\'/\\\'}'"
}

# An empty database of the same owner.
create_database() {
    as_superuser createdb -O "$DB_OWNER" -E UTF8 --locale=C.UTF-8 -T template0 "$1"
    sql -d postgres -v name="$1" <<<'REVOKE ALL ON DATABASE :"name" FROM PUBLIC'
    if [ "$DB_USER" != "$DB_OWNER" ]; then
        sql -d postgres -v name="$1" -v user="$DB_USER" <<<'GRANT CONNECT, TEMPORARY ON DATABASE :"name" TO :"user"'
    fi
}

has_database() { [ -n "$(sql -d postgres -v name="$1" <<<"SELECT 1 FROM pg_database WHERE datname = :'name'")" ]; }

has_role() { [ -n "$(sql -d postgres -v name="$1" <<<"SELECT 1 FROM pg_roles WHERE rolname = :'name'")" ]; }

has_timescaledb() { [ -n "$(sql -d "$(named "$1")" -c "SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'")" ]; }

# What tells its schema from any other: the newest migration, and a checksum of its functions; empty where
# there is none yet.
schema_state() {
    ask_database -c 'SELECT max(number) FROM schema_migrations' 2>/dev/null | tr '\n' ' ' || true
    ask_database -c "SELECT md5(string_agg(name || checksum, ',' ORDER BY name)) FROM schema_functions" 2>/dev/null || true
}

# Write a dump of it to standard output.
dump_database() {
    if [ -n "$SOCKETS" ]; then
        as_superuser pg_dump -Fc --no-privileges -d "$(named "$DATABASE")"
    else
        as_service "$RELEASE" server.pg pg_dump -Fc --no-privileges --exclude-schema='public_before_*'
    fi
}

# Who may do what with it, where we could give that back; nothing elsewhere.
dump_privileges() { [ -z "$SOCKETS" ] || as_superuser pg_dump -Fc --schema-only -d "$(named "$DATABASE")"; }

# After each migration and each restore, where somebody has set it up: what its panels need may be new. Its grants
# alone: what an administrator has changed of the role itself stays.
grant_to_grafana() {
    [ -n "$SOCKETS" ] && [ -e "$1/sql/roles/grafana.sql" ] && has_role "$GRAFANA" || return 0
    grep -v '^ALTER ROLE' "$1/sql/roles/grafana.sql" | sql -d "$(named "$DATABASE")" -v role="$GRAFANA" ||
        error "Grafana may not read all that its panels need, see above; docs/grafana.md has the command"
}

# Put the dump of a backup in the database's place. What was there is kept under another name: says how.
restore_database() {
    if [ -n "$SOCKETS" ]; then replace_database "$1"; else replace_tables "$1"; fi
}

# Whether a dump of it could be brought back from here; says why not.
can_be_restored() {
    [ -z "$SOCKETS" ] || return 0
    if [ -n "$(ask_database -c "SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'")" ]; then
        say "it has TimescaleDB, which only a superuser of its server can restore"
    elif [ "$DB_OWNER" != "$DB_USER" ]; then
        say "it belongs to $DB_OWNER, and the service is $DB_USER"
    else
        return 0
    fi
    return 1
}

replace_database() {
    local dump=$1 new=${DATABASE}_restoring old role made=() superuser
    superuser=$(sql -d postgres -c 'SELECT current_user') # whose the extension's own things are
    sql -d postgres -v name="$new" <<<'DROP DATABASE IF EXISTS :"name" WITH (FORCE)'
    for role in $(owners "$dump"); do
        # A backup of another server: its owner is replaced by ours.
        [ "$role" != "$DB_OWNER" ] && [ "$role" != "$superuser" ] || continue
        ! has_role "$role" ||
            fail "the backup belongs to $role, a role that is here beside $DB_OWNER, which the service is: rename it for the time of the restore"
        made+=("$role")
    done
    create_database "$new"
    for role in "${made[@]}"; do sql -d postgres -v name="$role" <<<'CREATE ROLE :"name" NOLOGIN'; done
    if is_of_timescaledb "$dump"; then
        sql -d "$(named "$new")" -c 'CREATE EXTENSION timescaledb' -c 'SELECT timescaledb_pre_restore()' >/dev/null
    fi
    if ! as_superuser pg_restore --exit-on-error --no-privileges -d "$(named "$new")" <"$dump"; then
        sql -d postgres -v name="$new" <<<'DROP DATABASE :"name" WITH (FORCE)'
        for role in "${made[@]}"; do sql -d postgres -v name="$role" <<<'DROP ROLE :"name"'; done
        fail "the backup cannot be restored; the database is as it was"
    fi
    if is_of_timescaledb "$dump"; then sql -d "$(named "$new")" -c 'SELECT timescaledb_post_restore()' >/dev/null; fi
    for role in "${made[@]}"; do
        sql -d "$(named "$new")" -v name="$role" -v owner="$DB_OWNER" \
            <<<'REASSIGN OWNED BY :"name" TO :"owner"; DROP OWNED BY :"name"; DROP ROLE :"name"'
    done
    restore_privileges "$dump" "$new"
    sql -d "$(named "$new")" -c 'ANALYZE'
    if has_database "$DATABASE"; then
        let_in_who_may "$DATABASE" "$new"
        old=${DATABASE}_before_$(date -u +%Y%m%dt%H%M%S)
        rename_database "$DATABASE" "$old"
        say "the former database is kept as $old; when all is well: sudo -u postgres dropdb -p $DB_PORT --force $old"
    fi
    rename_database "$new" "$DATABASE"
}

# let_in_who_may OLD NEW: who may connect is of the database itself, and in no dump.
let_in_who_may() {
    sql -d postgres -v name="$1" -v new="$2" <<'SQL'
SELECT format('GRANT %s ON DATABASE %I TO ', privilege_type, :'new')
       || CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END
  FROM pg_database CROSS JOIN aclexplode(datacl) WHERE datname = :'name' \gexec
SQL
}

# Whose the things in a dump are.
owners() { contents "$1" | sed -n 's/^[0-9]\+;.* \([^ ]\+\)$/\1/p' | sort -u; }

contents() { "$(program pg_restore)" --list "$1"; }

# Not by `grep -q`: it would end the pipe before all of it is written, which fails now and then.
is_of_timescaledb() { [[ $(contents "$1") = *' EXTENSION - timescaledb '* ]]; }

# What others may do with them (a role of your own, say), as far as those are here: from the file beside the dump;
# an older backup has them in the dump itself.
restore_privileges() {
    local list role_made='' dump=${1%/*}/privileges.dump
    [ -s "$dump" ] || dump=$1
    set -- "$dump" "$2"
    list=$(mktemp)
    chmod 644 "$list" # for postgres; it holds names alone
    contents "$1" | grep -E '^[0-9]+; [0-9]+ [0-9]+ (DEFAULT )?ACL ' >"$list" || true
    # That of the alerts is here only where a channel is set up.
    if ! has_role "$ALERTS" && [[ $("$(program pg_restore)" -L "$list" -f - <"$1") = *"\"$ALERTS\""* ]]; then
        as_superuser createuser "$ALERTS"
        role_made=yes
    fi
    [ ! -s "$list" ] || as_superuser pg_restore -L "$list" -d "$(named "$2")" <"$1" ||
        say "not all privileges could be given back: see above"
    [ -z "$role_made" ] || sql -d "$(named "$2")" -v role="$ALERTS" <<<'DROP OWNED BY :"role"; DROP ROLE :"role"'
    rm "$list"
}

# With the service's own rights: into the same database, whose tables make room in another schema.
replace_tables() {
    local dump=$1 kept='' why
    why=$(can_be_restored) ||
        fail "$(the_database) cannot be restored from here: $why. Let its administrator restore $dump into an empty database there (docs/operations.md: Back up and restore by hand), and name that by DATABASE_URL"
    ! is_of_timescaledb "$dump" ||
        fail "$dump is of TimescaleDB, which only a superuser of the database's server can restore"
    if [ -n "$(ask_database -c "SELECT 1 FROM pg_class WHERE relnamespace = 'public'::regnamespace LIMIT 1")" ]; then
        kept=public_before_$(date -u +%Y%m%dt%H%M%S)
        ask_database -1 -c "ALTER SCHEMA public RENAME TO $kept" -c 'CREATE SCHEMA public' ||
            fail "the tables in $(the_database) cannot be set aside; nothing was changed"
    fi
    if ! as_service "$RELEASE" server.pg pg_restore --single-transaction --no-owner --no-privileges <"$dump"; then
        [ -z "$kept" ] ||
            ask_database -1 -c 'DROP SCHEMA public CASCADE' -c "ALTER SCHEMA $kept RENAME TO public"
        fail "the backup cannot be restored; the database is as it was"
    fi
    ask_database -c 'SET client_min_messages = error' -c 'ANALYZE'
    [ -z "$kept" ] ||
        say "the former tables are kept in the schema $kept; when all is well: sudo sungrow-server sql -c 'DROP SCHEMA $kept CASCADE'"
}

# Nobody may be connected, and TimescaleDB's workers come back at once where they are let in.
rename_database() {
    sql -d postgres -v name="$1" -v new="$2" >/dev/null <<'SQL' && return
ALTER DATABASE :"name" ALLOW_CONNECTIONS false;
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = :'name';
ALTER DATABASE :"name" RENAME TO :"new";
ALTER DATABASE :"new" ALLOW_CONNECTIONS true;
SQL
    sql -d postgres -v name="$1" <<<'ALTER DATABASE :"name" ALLOW_CONNECTIONS true'
    fail "the database $1 cannot be renamed to $2: somebody stays connected"
}

# The socket as well, or the next request would start the service again.
stop_service() { systemctl stop "${UNITS[@]}"; }
start_service() { systemctl start "${UNITS[0]}" && systemctl restart "${UNITS[1]}"; }

# Whether the service answers, with this release's version and a current schema, within a minute.
is_healthy() {
    local release=$1 end=$((SECONDS + 60)) version answer
    version=$(version_of "$release")
    while [ $SECONDS -lt $end ]; do
        answer=$(curl -sf --max-time 5 --unix-socket "$SOCKET" http://localhost/health || true)
        if [[ $answer == *"\"version\":\"$version\""* && $answer == *'"status":"ok"'* ]]; then
            as_service "$release" server.migrate --check >/dev/null
            return $? # in a trap, `return` alone would give the status from before it
        fi
        systemctl is-active --quiet sungrow-server.socket || return 1
        sleep 1
    done
    return 1
}

version_of() { sed -n 's/^VERSION = "\(.*\)"$/\1/p' "$1/edge_lib/__init__.py"; }
