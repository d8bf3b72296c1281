#!/bin/sh
# Brings what tests use and pip cannot bring, if it is missing:
#
#   PostgreSQL   the samples' other database; installed (apt-get install postgresql) where this user may do that
#   Redis        the store that gateways share; installed likewise
#   curl         for the lines that `make run` prints; installed likewise
#   openssl      another opinion on TLS; installed likewise
#   Node.js      the OpenID provider that browsers sign in at, from npm; installed likewise
#   promtool     Prometheus's own judgement of /metrics; unpacked into the virtual environment, not installed
#
# What cannot be had makes its tests skip and say why, or fail for want of it. Nothing fails here.
set -u
cd "$(dirname "$0")/.."
venv=${VENV:-.venv}

has_postgresql() {
    command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1
}

has_redis() {
    command -v redis-server >/dev/null 2>&1
}

has_curl() {
    command -v curl >/dev/null 2>&1
}

has_openssl() {
    command -v openssl >/dev/null 2>&1
}

has_node() {
    command -v node >/dev/null 2>&1 && command -v npm >/dev/null 2>&1
}

has_promtool() {
    command -v promtool >/dev/null 2>&1 || [ -x "$venv/bin/promtool" ]
}

has_postgresql && has_redis && has_curl && has_openssl && has_node && has_promtool && exit 0
missing() {
    has_postgresql || echo "Without PostgreSQL its tests skip. To run them: apt-get install postgresql"
    has_redis || echo "Without Redis its tests skip. To run them: apt-get install redis-server"
    has_curl || echo "Without curl its tests cannot pass. To run them: apt-get install curl"
    has_openssl || echo "Without openssl its tests cannot pass. To run them: apt-get install openssl"
    has_node || echo "Without Node.js the tests of OpenID skip. To run them: apt-get install nodejs npm"
    has_promtool || echo "Without promtool its tests skip. To run them: apt-get install prometheus"
}
if ! command -v apt-get >/dev/null 2>&1; then
    missing
    exit 0
fi

as_root=none
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif sudo -n true 2>/dev/null; then
    as_root="sudo -n"
fi
work=$(mktemp -d)
log=$work/log
trap 'rm -rf "$work"' EXIT
[ "$as_root" = none ] || $as_root apt-get update >>"$log" 2>&1

if ! has_promtool; then
    echo "Unpacking promtool for the tests, from the Debian package prometheus, into $venv."
    (
        cd "$work" && chmod 755 . && apt-get download prometheus && dpkg -x prometheus_*.deb unpacked
    ) >>"$log" 2>&1 && cp "$work/unpacked/usr/bin/promtool" "$venv/bin/promtool"
fi

if ! has_curl && [ "$as_root" != none ]; then
    echo "Installing curl for the tests (apt-get install curl)."
    $as_root apt-get install --yes --no-install-recommends curl >>"$log" 2>&1 </dev/null
fi

if ! has_redis && [ "$as_root" != none ]; then
    echo "Installing Redis for the tests (apt-get install redis-server), without a server for the whole machine."
    # The tests start servers of their own in temporary folders; one that starts at every boot is not wanted.
    $as_root sh -c '
        DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends redis-server
        [ ! -d /run/systemd/system ] || systemctl disable --now redis-server
    ' >>"$log" 2>&1 </dev/null
fi

if ! has_openssl && [ "$as_root" != none ]; then
    echo "Installing openssl for the tests (apt-get install openssl)."
    $as_root apt-get install --yes --no-install-recommends openssl >>"$log" 2>&1 </dev/null
fi

if ! has_node && [ "$as_root" != none ]; then
    echo "Installing Node.js for the tests (apt-get install nodejs npm)."
    $as_root apt-get install --yes --no-install-recommends nodejs npm >>"$log" 2>&1 </dev/null
fi

if ! has_postgresql && [ "$as_root" != none ]; then
    echo "Installing PostgreSQL for the tests (apt-get install postgresql), without a server for the whole machine."
    # The tests make clusters in temporary folders; one that starts at every boot is not wanted.
    $as_root sh -c '
        set -e
        export DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1
        mkdir -p /etc/postgresql-common
        [ -e /etc/postgresql-common/createcluster.conf ] ||
            echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
        apt-get install --yes --no-install-recommends postgresql
    ' >>"$log" 2>&1 </dev/null
fi

if ! has_postgresql || ! has_redis || ! has_curl || ! has_openssl || ! has_node || ! has_promtool; then
    [ ! -f "$log" ] || grep '^E:' "$log" | tail -n 3
    missing
fi
exit 0
