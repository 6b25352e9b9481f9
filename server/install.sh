# Installs what is missing on a Debian machine; sourced by server/demo and tests/run, in bash, from the
# project's folder. Says nothing and calls neither apt nor pip where nothing is missing.
#
#   install_packages COMMAND=PACKAGE ...   Debian packages for commands that are not there, and the
#                                          database: PostgreSQL, with TimescaleDB where Debian has it
#   install_known COMMAND=PACKAGE ...      the same, but those alone that this Debian has
#   install_python REQUIREMENTS ...        .venv with what the requirements files name
#
# What it installed does not start at the next boot: the tests and the demo start servers of their own.

say() { echo "$*" >&2; }

# Ctrl-C and its kin: what runs in the background ends first, then we do. What runs in the foreground
# (apt-get: half an installation helps nobody) is waited for by bash before a trap runs.
background=
stopped() {
    trap '' INT TERM HUP
    set +e
    [ -z "$background" ] || { kill -TERM -- "-$background"; wait "$background"; } 2>/dev/null
    say "stopped while installing"
    exit "$1"
}
trap 'stopped 130' INT
trap 'stopped 143' TERM
trap 'stopped 129' HUP

# Run something of ours so that a signal to us ends it and its children, and our end by SIGKILL it too.
stoppable() {
    local status=0
    setpriv --pdeathsig TERM setsid "$@" &
    background=$!
    wait "$background" || status=$?
    background=
    return "$status"
}

missing_packages() {
    local pair
    for pair in "$@"; do
        PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%=*}" >/dev/null || echo "${pair#*=}"
    done
    compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || echo postgresql
    python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
}

# Whatever root has made here, in an earlier run, a user cannot change.
refuse_what_is_roots() {
    local found
    found=$(find . -maxdepth 0 ! -writable 2>/dev/null; find .venv -maxdepth 1 ! -writable 2>/dev/null || true)
    [ -z "$found" ] || {
        say "${found%%$'\n'*} belongs to $(stat -c %U "${found%%$'\n'*}"), who ran this before: sudo rm -r .venv .demo, or run it as that user"
        exit 1
    }
}

install_packages() {
    local missing version
    refuse_what_is_roots
    missing=$(missing_packages "$@")
    [ -z "$missing" ] || apt_install $missing
    # Whether Debian has TimescaleDB only apt knows: it is asked once.
    [ -e .venv/timescaledb-asked ] && return
    [ -n "$missing" ] || compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null || apt_install
    version=$(compgen -G '/usr/lib/postgresql/*/bin/postgres' | cut -d/ -f5 | sort -n | tail -n 1)
    if [ -n "$version" ] && [ ! -e "/usr/lib/postgresql/$version/lib/timescaledb.so" ] &&
        apt-cache search --names-only "^postgresql-$version-timescaledb\$" | grep -q .; then
        apt_install "postgresql-$version-timescaledb"
    fi
    mkdir -p .venv
    touch .venv/timescaledb-asked
}

install_known() {
    local pair known=()
    for pair in "$@"; do
        PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%=*}" >/dev/null && continue
        apt-cache search --names-only "^${pair#*=}\$" | grep -q . && known+=("${pair#*=}")
    done
    [ ${#known[@]} = 0 ] || apt_install "${known[@]}"
}

apt_install() {
    local log as_root=
    [ "$(id -u)" = 0 ] || as_root=sudo
    log=$(mktemp)
    say "installing Debian packages: ${*:-none, but their lists}"
    if ! $as_root sh -s -- "$@" >"$log" 2>&1 <<'ROOT'
        set -u
        export DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l APT_LISTCHANGES_FRONTEND=none
        # Debian starts a service when its package is installed, unless this file says no. It says so
        # only while this shell lives, should it be left behind.
        policy=/usr/sbin/policy-rc.d
        if [ ! -e $policy ] || grep -q 'sungrow install' $policy; then
            printf '#!/bin/sh\n# sungrow install: starts no service.\n[ ! -d /proc/%s ] || exit 101\n' $$ >$policy
            chmod 755 $policy
            trap 'rm -f $policy' EXIT
            trap 'exit 130' INT TERM HUP
        fi
        apt-get -qq update </dev/null || echo "apt-get update failed: going on with the lists that are here"
        apt-get -qqy -o DPkg::Lock::Timeout=120 install --no-install-recommends "$@" </dev/null || exit
        for service in postgresql redis-server caddy nginx; do
            case " $* " in
                *" $service "* | *" $service-light "*)
                    systemctl --quiet disable "$service.service" 2>/dev/null || update-rc.d "$service" disable || true
                    ;;
            esac
        done
ROOT
    then
        tail -n 25 "$log" >&2
        say "installation failed: apt-get install" $* "(the last lines of its output are above)"
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

install_python() {
    local stamp=.venv/installed-${1//\//-} all=.venv/installed-tests-requirements.txt
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { say "Python 3.11 or newer is needed"; return 1; }
    is_current "$stamp" "$all" && return
    # One at a time; the lock is on the project's folder itself.
    exec 9<.
    stoppable flock 9
    install_into_venv "$stamp" "$@"
    exec 9<&-
}

# Whether one of these stamps says that .venv holds what the requirements say now.
is_current() { { cat "$@" 2>/dev/null || true; } | grep -qxF -- "$(python_checksum)"; }

install_into_venv() {
    local stamp=$1 constraint
    shift
    is_current "$stamp" && return
    say "installing Python packages into .venv: $*"
    # Ended in the middle, a folder of packages is nothing to build upon.
    if [ -e .venv/installing ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        stoppable python3 -m venv --clear .venv
        touch .venv/timescaledb-asked
    fi
    touch .venv/installing
    # A pip.conf copied from another machine may name a file of constraints that is not here: pip would
    # give up, though our versions are pinned anyway.
    constraint=$(.venv/bin/python -m pip config list | sed -n "s/^global\.constraint='\(.*\)'$/\1/p")
    [ -z "$constraint" ] || [ -e "$constraint" ] || export PIP_CONSTRAINT=/dev/null
    stoppable .venv/bin/python -m pip install --quiet --disable-pip-version-check "${@/#/--requirement=}"
    rm .venv/installing
    python_checksum >"$stamp"
}

# What .venv depends on: the requirements, this Python, and where we are.
python_checksum() {
    { cat requirements-edge.txt requirements-server.txt tests/requirements.txt; .venv/bin/python -V; pwd; } 2>&1 | sha256sum
}
