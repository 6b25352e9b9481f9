# The alerts of an installed server: settings, account, role, unit; sourced by server-lib.sh, for bash, as root.
# shellcheck shell=bash disable=SC2034

ALERTS=sungrow-alerts
ALERT_SECRETS=(ALERT_SMTP_URL ALERT_NTFY_URL ALERT_TELEGRAM_TOKEN ALERT_GOTIFY_TOKEN ALERT_WEBHOOK_URL
    ALERT_WEBHOOK_SECRET DEADMAN_URL)

# The channels that settings and environment set up, one a word: alert_channels PYTHON CODE. With 1, and what is
# wrong, where something is.
alert_channels() {
    local python
    python=$(command -v "$1") || return 0
    PYTHONDONTWRITEBYTECODE=1 "$python" "$2/systemd/check_alerts.py" "$2" "$ETC" 2>&1
}

# What the environment has of them goes into alerts.env, secrets into files of root's alone.
write_alert_settings() {
    local name given=()
    while read -r name; do
        [[ $name = @(ALERT_*|RULE_*|DEADMAN_*) && -n ${!name} ]] && given+=("$name")
    done < <(compgen -e)
    [ ${#given[@]} -gt 0 ] || [ -e "$ETC/alerts.env" ] || return 0
    install -d -m 700 "$ETC/alert-secrets"
    [ -e "$ETC/alerts.env" ] || install -m 600 "$SOURCE/systemd/alerts.env.example" "$ETC/alerts.env"
    for name in "${given[@]}"; do
        if [[ " ${ALERT_SECRETS[*]} " = *" $name "* ]]; then
            (umask 077; printf '%s\n' "${!name}" >"$ETC/alert-secrets/$name")
        elif [[ $name = *_FILE && " ${ALERT_SECRETS[*]} " = *" ${name%_FILE} "* ]]; then
            install -m 600 "${!name}" "$ETC/alert-secrets/${name%_FILE}"
        else
            write_alert_setting "$name" "${!name}"
        fi
    done
    chmod 600 "$ETC/alerts.env"
}

write_alert_setting() {
    NAME=$1 VALUE=$2 awk '
        index($0, ENVIRON["NAME"] "=") == 1 || index($0, "#" ENVIRON["NAME"] "=") == 1 {
            if (!done) print ENVIRON["NAME"] "=" ENVIRON["VALUE"]
            done = 1
            next
        }
        { print }
        END { if (!done) print ENVIRON["NAME"] "=" ENVIRON["VALUE"] }' "$ETC/alerts.env" >"$ETC/alerts.env.new"
    cat "$ETC/alerts.env.new" >"$ETC/alerts.env"
    rm "$ETC/alerts.env.new"
}

has_alert_setting() { grep -qs "^$1=." "$ETC/alerts.env"; }

# set_up_alerts RELEASE: its unit runs where somebody named a channel, and there is nothing of it elsewhere.
set_up_alerts() {
    local release=$1 channels
    [ -e "$release/systemd/sungrow-alerts.timer" ] || { take_alerts_away; return; }
    channels=$(alert_channels "$release/.venv/bin/python" "$release") || {
        error "the alerts stay as they were: $channels"
        return
    }
    if [ -z "$channels" ]; then
        take_alerts_away
        say "nobody is told when something is wrong: docs/alerts.md shows how to hear of it on your phone"
        return
    fi
    getent passwd "$ALERTS" >/dev/null ||
        useradd --system --user-group --home-dir /nonexistent --no-create-home --shell /usr/sbin/nologin "$ALERTS"
    name_site_for_alerts
    name_database_for_alerts "$release"
    grant_to_alerts "$release"
    install -m 644 -t /etc/systemd/system "$release"/systemd/sungrow-alerts.{service,timer}
    systemctl daemon-reload
    systemctl enable --quiet sungrow-alerts.timer
    systemctl start sungrow-alerts.timer
    say "alerts go to: $channels; try them: sudo sungrow-server alerts test"
}

take_alerts_away() {
    [ -e /etc/systemd/system/sungrow-alerts.timer ] || return 0
    systemctl disable --quiet --now sungrow-alerts.timer 2>/dev/null || true
    rm -rf /etc/systemd/system/sungrow-alerts.{service,timer}{,.d}
    systemctl daemon-reload
}

# What the installer knows itself; what somebody wrote there stays.
name_site_for_alerts() {
    local url
    url=$(setting "$ETC/site.env" SITE_URL)
    [ -z "$url" ] || has_alert_setting ALERT_SITE_URL || write_alert_setting ALERT_SITE_URL "$url"
    if [ -e "$ETC/ca.pem" ] && [[ $(setting "$ETC/site.env" DOCTOR_ARGS) = *--ca* ]]; then
        install -m 644 "$ETC/ca.pem" "$STATE/ca.pem"
        has_alert_setting ALERT_CA_FILE || write_alert_setting ALERT_CA_FILE "$STATE/ca.pem"
    fi
}

# By its own role over the socket; where that cannot be made, as the server itself.
name_database_for_alerts() {
    if [ -n "$SOCKETS" ]; then
        rm -f "$ETC/alert-secrets/DATABASE_URL"
        write_alert_setting DATABASE_URL "postgresql:///$DATABASE?host=$SOCKETS&port=${DB_PORT:-5432}&user=$ALERTS"
        return
    fi
    (umask 077
        cd "$1" && env -i PATH="$PATH" LANG=C.UTF-8 .venv/bin/python -c '
from edge_lib.shared.env import environment
from server import settings
print(settings.database_url(environment(settings.DOTENV)))' >"$ETC/alert-secrets/DATABASE_URL")
}

# After each migration and each restore.
grant_to_alerts() {
    [ -n "$SOCKETS" ] && [ -e "$1/sql/roles/alerts.sql" ] && getent passwd "$ALERTS" >/dev/null || return 0
    has_role "$ALERTS" || as_superuser createuser --no-createdb --no-createrole --no-superuser "$ALERTS"
    sql -d "$(named "$DATABASE")" -v role="$ALERTS" <"$1/sql/roles/alerts.sql"
}

# While we work nobody shall be told that the server is ill: alerts wait, and a silence covers what follows.
pause_alerts() {
    systemctl stop sungrow-alerts.timer 2>/dev/null || true
    ask_database -c "INSERT INTO sungrow_silences (to_ts, why) VALUES (now() + interval '15 min', '$1')" >/dev/null 2>&1 || true
}

resume_alerts() {
    if systemctl is-enabled --quiet sungrow-alerts.timer 2>/dev/null; then systemctl start sungrow-alerts.timer; fi
}

# note_status NAME RESULT: for the alerts and the doctor, which cannot look into the journal. What the unit runs has
# SUNGROW_UNIT; of what failed by hand the journal knows nothing.
note_status() {
    local file=$STATE/status/$1.json now good by_hand=true
    [ -d "$STATE/status" ] || return 0
    now=$(date -u +%FT%TZ)
    good=$(sed -n 's/.*"good": "\([^"]*\)".*/\1/p; t; s/.*"time": "\([^"]*\)", "result": "ok".*/\1/p' "$file" 2>/dev/null || true)
    [ "$2" != ok ] || good=$now
    [ -z "${SUNGROW_UNIT:-}" ] || by_hand=false
    printf '{"time": "%s", "result": "%s", "by_hand": %s%s}\n' "$now" "$2" "$by_hand" "${good:+, \"good\": \"$good\"}" >"$file.new"
    chmod 644 "$file.new"
    mv "$file.new" "$file"
}
