#!/bin/sh
# Brings what the benchmark needs and pip and npm cannot bring, if it is missing and this user may install packages:
# the load generator, nginx as service and yardstick, and the peers that come from Debian.
#
#   tools/peers.sh [PEER...]    only what these peers need; all without an argument
#
# Nothing is started: not now, by a policy that holds while we install. What cannot be had is named here or left out
# of the table by name. Nothing fails here.
set -u
peers=$*
PATH=$PATH:/usr/sbin

wanted() {
    [ -z "$peers" ] && return 0
    for peer in $peers; do
        case $peer in "$1"*) return 0 ;; esac
    done
    return 1
}

packages=""
need() {
    command -v "$1" >/dev/null 2>&1 || packages="$packages $2"
}

need taskset util-linux
need wrk wrk
need nginx nginx-light
if wanted haproxy; then need haproxy haproxy; fi
if wanted caddy; then need caddy caddy; fi
if wanted fastify || wanted express; then
    need node nodejs
    need npm npm
fi
[ -n "$packages" ] || exit 0

as_root=none
if [ "$(id -u)" = 0 ]; then
    as_root=""
elif sudo -n true 2>/dev/null; then
    as_root="sudo -n"
fi
if ! command -v apt-get >/dev/null 2>&1 || [ "$as_root" = none ]; then
    echo "For the benchmark, install:$packages"
    exit 0
fi

echo "Installing for the benchmark (apt-get install$packages), without starting anything."
log=$(mktemp)
# shellcheck disable=SC2086  # words on purpose
$as_root sh -c '
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap "rm -f $policy" EXIT
        printf "#!/bin/sh\nexit 101\n" >"$policy" && chmod 755 "$policy"
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update
    for package in "$@"; do
        apt-get install --yes --no-install-recommends "$package"
    done
' sh $packages >"$log" 2>&1 </dev/null
grep '^E:' "$log" | sort -u | tail -n 3
rm -f "$log"
exit 0
