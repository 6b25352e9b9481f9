# What install-server asks for, checks and writes down; sourced by it.
# shellcheck shell=bash disable=SC2034

SECRETS=(DATABASE_URL DEVICE_TOKENS READ_TOKENS METRICS_TOKEN SECRET_KEY) # each may be a NAME_FILE as well

refuse() { error "$1"; exit 78; }

# --- what is asked ---

# ask NAME QUESTION DEFAULT CHECK: until CHECK says nothing; without a terminal, once.
ask() {
    local name=$1 question=$2 default=$3 check=$4 answer wrong
    while true; do
        if [ -z "${!name:-}" ]; then
            answer=
            if [ -t 0 ]; then read -r -p "$question${default:+ [$default]}: " answer || refuse "$name is missing"; fi
            printf -v "$name" %s "${answer:-$default}"
        fi
        wrong=$($check "${!name}")
        [ -n "$wrong" ] || return 0
        [ -t 0 ] || refuse "$wrong"
        say "$wrong"
        printf -v "$name" %s ''
    done
}

check_address() {
    [ -n "$1" ] || { say "SITE_ADDRESS is missing; example: SITE_ADDRESS=solar.example.org $0"; return; }
    [[ $1 =~ ^[A-Za-z0-9.:-]+$ ]] || say "SITE_ADDRESS=$1 is not a name or address; example: SITE_ADDRESS=solar.example.org"
}

check_device() {
    [[ $1 =~ ^[A-Za-z0-9._-]{1,64}$ ]] || say "DEVICE_ID=$1 must be 1 to 64 of A-Za-z0-9._-; example: DEVICE_ID=home-1"
}

read_site() {
    local name
    ADDRESS_BEFORE=$(setting "$ETC/site.env" SITE_ADDRESS)
    for name in SITE_ADDRESS SITE_FRONT; do
        [ -n "${!name:-}" ] || printf -v "$name" %s "$(setting "$ETC/site.env" "$name")"
    done
    # What was asked for is kept; what follows from the address is found again each time.
    ASKED_TLS=${SITE_TLS:-$(tls_asked_before)}
    ask SITE_ADDRESS "Name or address of this server, as the edges reach it" "" check_address
    [ "$ASKED_TLS" != auto ] || ASKED_TLS=
    : "${SITE_FRONT:=caddy}"
    SITE_TLS=${ASKED_TLS:-$(kind_of_certificate "$SITE_ADDRESS")}
    [[ $SITE_TLS =~ ^(acme|internal)$ && $SITE_FRONT =~ ^(caddy|none)$ ]] ||
        refuse "SITE_TLS is acme, internal or auto, SITE_FRONT caddy or none; example: SITE_TLS=internal"
    SITE_HOST=$SITE_ADDRESS
    [[ $SITE_ADDRESS != *:* ]] || SITE_HOST="[$SITE_ADDRESS]"
    [ -s "$ETC/device-tokens" ] || ask DEVICE_ID "A name for the first house" home-1 check_device
    if [ ! -e "$ETC/server.env" ]; then
        : "${SITE_TIMEZONE:=$(timedatectl show -p Timezone --value 2>/dev/null || cat /etc/timezone 2>/dev/null || echo UTC)}"
    fi
}

# Before there was ASKED_TLS, the file held what was derived as well.
tls_asked_before() {
    local kept
    if grep -q ^ASKED_TLS= "$ETC/site.env" 2>/dev/null; then
        setting "$ETC/site.env" ASKED_TLS
        return
    fi
    kept=$(setting "$ETC/site.env" SITE_TLS)
    [ "$kept" = "$(kind_of_certificate "$(setting "$ETC/site.env" SITE_ADDRESS)")" ] || echo "$kept"
}

# Public certificates are for public names: no address, no name of a local network.
kind_of_certificate() {
    case $1 in
        *:* | localhost | *.local | *.lan | *.internal | *.home.arpa | *.localhost | *.test) echo internal ;;
        *.*[A-Za-z]*) echo acme ;;
        *) echo internal ;;
    esac
}

# --- what is checked before anything is installed ---

# check_settings PYTHON CODE
check_settings() {
    local name form given=() wrong python
    python=$(command -v "$1") || return 0
    for name in $(names_in "$SOURCE/systemd/server.env.example") "${SECRETS[@]}"; do
        for form in "$name" "${name}_FILE"; do
            [ -z "${!form:-}" ] || given+=("$form")
        done
    done
    wrong=$(
        export "${given[@]+${given[@]}}"
        while read -r name; do # what else is in the environment is not a setting
            [[ " ${given[*]} " = *" $name "* ]] || unset "$name" 2>/dev/null || true
        done < <(compgen -e)
        PYTHONDONTWRITEBYTECODE=1 "$python" "$SOURCE/systemd/check_settings.py" "$2" "$ETC/server.env" 2>&1
    ) || refuse "$wrong"
}

# 80 for clients that come without TLS (and for acme), 443 for all others.
check_ports() {
    local port holder
    [ "$SITE_FRONT" = caddy ] && command -v ss >/dev/null || return 0
    for port in 80 443; do
        holder=$(holder_of "$port")
        [ -z "$holder" ] || [ "$holder" = caddy ] ||
            fail "port $port is held by $holder, and Caddy needs it: stop that (systemctl disable --now ${holder%% *}), or let it stay in front of the server: SITE_FRONT=none, and server/nginx.conf shows how"
    done
}

# The programs that listen on a port of TCP; nothing where none does.
holder_of() {
    local lines names
    lines=$(ss -Hltnp "sport = :$1")
    [ -n "$lines" ] || return 0
    names=$(grep -oP '\("\K[^"]+' <<<"$lines" | sort -u | paste -sd ' ' || true)
    echo "${names:-another program}"
}

# --- what is written ---

write_settings() {
    local name
    install -d -m 750 -o root -g "$ACCOUNT" "$ETC"
    FRESH=
    if [ ! -e "$ETC/server.env" ]; then
        cp "$SOURCE/systemd/server.env.example" "$ETC/server.env.new"
        mv "$ETC/server.env.new" "$ETC/server.env"
        [ -n "${DATABASE_URL:-}${DATABASE_URL_FILE:-}" ] || FRESH=yes
    fi
    # What newer code has new is added, commented out or not, as the example has it.
    for name in $(names_in "$SOURCE/systemd/server.env.example"); do
        grep -qE "$(lines_of "$name")" "$ETC/server.env" ||
            { echo; grep -B1 -E "^#?$name=" "$SOURCE/systemd/server.env.example"; } >>"$ETC/server.env"
    done
    take_from_environment
    for name in device-tokens read-tokens metrics-token secret-key; do write_secret "$name"; done
    printf '%s\n' "SITE_ADDRESS=$SITE_ADDRESS" "ASKED_TLS=$ASKED_TLS" "SITE_FRONT=$SITE_FRONT" "SITE_URL=https://$SITE_HOST" \
        "DOCTOR_ARGS=--url https://$SITE_HOST$( [ "$SITE_TLS$SITE_FRONT" != internalcaddy ] || echo " --ca $ETC/ca.pem")" \
        >"$ETC/site.env"
    own_settings
}

# But for those of the alerts, which are root's alone.
own_settings() {
    local file
    for file in "$ETC"/*; do
        [[ $file != */alerts.env && -f $file ]] || continue
        chown root:"$ACCOUNT" "$file"
        chmod 640 "$file"
    done
}

names_in() { grep -oP '^#?\K[A-Z_]+(?==)' "$1"; }

is_secret() { [[ " ${SECRETS[*]} " = *" ${1%_FILE} "* ]]; }

# Of a secret in both of its forms, whichever of them the file has.
take_from_environment() {
    local name
    for name in $(names_in "$SOURCE/systemd/server.env.example") "${SECRETS[@]}" "${SECRETS[@]/%/_FILE}"; do
        if [ -n "${!name:-}" ]; then write_setting "$name" "${!name}"; fi
    done
}

# A regular expression for the lines of a setting, however they are written; of a secret in both forms.
lines_of() {
    local form=$1
    ! is_secret "$1" || form="${1%_FILE}(_FILE)?"
    echo "^[[:space:]]*#?[[:space:]]*(export[[:space:]]+)?${form}[[:space:]]*="
}

# In place of the line that is there; where several are, the last counts, and the others go.
write_setting() {
    local value=$2
    # As it is, unless the reader would take a part of it for a comment, or for quotes of its own.
    if [[ $value =~ ^[\'\"] || $value =~ [[:space:]]# ]]; then
        value=${value//\\/\\\\} value="'${value//\'/\\\'}'"
    fi
    NAME=$1 VALUE=$value LINES_OF=$(lines_of "$1") awk '
        { line[NR] = $0 }
        $0 ~ ENVIRON["LINES_OF"] { if ($0 ~ /^[ \t]*#/) off = NR; else on[NR] = last = NR }
        END {
            for (n = 1; n <= NR; n++)
                if (n == (last ? last : off)) print ENVIRON["NAME"] "=" ENVIRON["VALUE"]
                else if (!(n in on)) print line[n]
        }' "$ETC/server.env" >"$ETC/server.env.new"
    mv "$ETC/server.env.new" "$ETC/server.env"
}

write_secret() {
    grep -q "^[A-Z_]*_FILE=$ETC/$1\$" "$ETC/server.env" && [ ! -e "$ETC/$1" ] || return 0
    case $1 in
        *-tokens) (umask 027; : >"$ETC/$1") ;;
        *) (umask 027; head -c 32 /dev/urandom | base64 -w 0 | tr '+/' '-_' | tr -d = >"$ETC/$1") ;;
    esac
}
