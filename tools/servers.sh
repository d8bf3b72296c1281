#!/bin/sh
# Installs the servers that tests run against and that pip cannot bring, if they are missing: PostgreSQL, for
# the samples' second database. Where that cannot be done the tests skip, and say why; nothing fails here.
set -u

present() {
    command -v initdb >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1
}

present && exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "PostgreSQL is missing, and there is no apt-get to install it with: its tests will skip."
    exit 0
fi
if [ "$(id -u)" = 0 ]; then
    root=""
elif sudo -n true 2>/dev/null; then
    root="sudo -n"
else
    echo "PostgreSQL is missing, and only root can install it: its tests will skip. To run them: apt-get install postgresql"
    exit 0
fi

echo "Installing PostgreSQL for the tests (apt-get install postgresql), without starting a server of its own."
log=$(mktemp)
# The tests make clusters in temporary folders; one for the whole machine, started at every boot, is not wanted.
$root sh -c '
    set -e
    export DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] ||
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    apt-get update
    apt-get install --yes --no-install-recommends postgresql
' >"$log" 2>&1 </dev/null
if ! present; then
    tail -n 3 "$log"
    echo "PostgreSQL could not be installed: its tests will skip."
fi
rm -f "$log"
