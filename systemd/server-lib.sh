# What install-server, backup-server and restore-server share; for bash, as root.
# shellcheck shell=bash disable=SC2034

ETC=/etc/sungrow-server
OPT=/opt/sungrow-server
STATE=/var/lib/sungrow-server
BACKUPS=/var/backups/sungrow-server
SOCKET=/run/sungrow-server.sock
ACCOUNT=sungrow-server
DATABASE=sungrow
UNITS=(sungrow-server.socket sungrow-server.service)

say() { echo "$*"; }
fail() { error "$*"; exit 1; }
# With its priority where stderr is the journal, as jsonlog.py does.
error() {
    local priority=''
    [ -z "${JOURNAL_STREAM:-}" ] || [ "$(stat -Lc %d:%i /proc/self/fd/2 2>/dev/null)" != "$JOURNAL_STREAM" ] || priority='<3>'
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

# The value of a line NAME=value of a file of settings; empty where there is none.
setting() { sed -n "s/^$2=//p" "$1" 2>/dev/null | tail -n 1; }

# The port of the cluster that the settings name; before there are any, of the one that was chosen.
pg_port() {
    if [ -n "${CLUSTER_PORT:-}" ]; then echo "$CLUSTER_PORT"; return; fi
    local port
    port=$(setting "$ETC/server.env" DATABASE_URL | grep -oP '[?&]port=\K[0-9]+' || true)
    echo "${port:-5432}"
}

# Peer authentication over the unix socket: no password anywhere.
as_postgres() { runuser -u postgres -- "$@"; }
sql() { as_postgres env PGOPTIONS='-c client_min_messages=error' psql -XqtA -v ON_ERROR_STOP=1 -p "$(pg_port)" "$@"; }

# python -m MODULE of a release, as the service does it: its user, no environment but the settings.
as_service() {
    local release=$1
    shift
    (cd "$release" && exec runuser -u "$ACCOUNT" -- env -i PATH="$PATH" LANG=C.UTF-8 .venv/bin/python -m "$@")
}

# An empty database of the service's role, with TimescaleDB where that is there and loaded.
create_database() {
    as_postgres createdb -p "$(pg_port)" -O "$ACCOUNT" -E UTF8 --locale=C.UTF-8 -T template0 "$1"
    sql -d postgres -c "REVOKE ALL ON DATABASE \"$1\" FROM PUBLIC"
    if [ -n "$(sql -d postgres -c "SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'")" ] &&
        sql -d postgres -c 'SHOW shared_preload_libraries' | grep -q timescaledb; then
        sql -d "$1" -c 'CREATE EXTENSION timescaledb'
    fi
}

has_database() { [ -n "$(sql -d postgres -c "SELECT 1 FROM pg_database WHERE datname = '$1'")" ]; }

has_timescaledb() { [ -n "$(sql -d "$1" -c "SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'")" ]; }

# The newest migration of the database; empty where there is none yet.
schema_number() { sql -d "$DATABASE" -c 'SELECT max(number) FROM schema_migrations' 2>/dev/null || true; }

# Put the dump of a backup in the database's place. What was there is renamed, not dropped: says how.
restore_database() {
    local dump=$1 new=${DATABASE}_restoring old
    sql -d postgres -c "DROP DATABASE IF EXISTS \"$new\" WITH (FORCE)"
    create_database "$new"
    if has_timescaledb "$new"; then sql -d "$new" -c 'SELECT timescaledb_pre_restore()' >/dev/null; fi
    as_postgres pg_restore -p "$(pg_port)" --exit-on-error -d "$new" <"$dump" ||
        fail "the backup cannot be restored; the database is as it was"
    if has_timescaledb "$new"; then sql -d "$new" -c 'SELECT timescaledb_post_restore()' >/dev/null; fi
    sql -d "$new" -c 'ANALYZE'
    if has_database "$DATABASE"; then
        old=${DATABASE}_before_$(date -u +%Y%m%dt%H%M%S)
        rename_database "$DATABASE" "$old"
        say "the former database is kept as $old; when all is well: sudo -u postgres dropdb --force $old"
    fi
    rename_database "$new" "$DATABASE"
}

# Nobody may be connected, and TimescaleDB's workers come back at once where they are let in.
rename_database() {
    sql -d postgres -c "ALTER DATABASE \"$1\" ALLOW_CONNECTIONS false" \
        -c "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '$1'" \
        -c "ALTER DATABASE \"$1\" RENAME TO \"$2\"" -c "ALTER DATABASE \"$2\" ALLOW_CONNECTIONS true" >/dev/null && return
    sql -d postgres -c "ALTER DATABASE \"$1\" ALLOW_CONNECTIONS true"
    fail "the database $1 cannot be renamed to $2: somebody stays connected"
}

# The socket as well, or the next request would start the service again.
stop_service() { systemctl stop "${UNITS[@]}"; }
start_service() { systemctl start "${UNITS[0]}" && systemctl restart "${UNITS[1]}"; }

# Whether the service answers, with this release's version and a current schema, within a minute.
is_healthy() {
    local release=$1 version answer _
    version=$(version_of "$release")
    for _ in {1..60}; do
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
