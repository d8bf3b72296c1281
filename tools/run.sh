#!/bin/sh
# Runs the gateway with one of the profiles, after making what a first run lacks: the data folder, a secret
# for signing tokens and a password for the demo user, all for this user alone. What the environment says
# (JWT_SECRET, DEMO_USER, DEMO_PASSWORD) is kept.
set -eu
cd "$(dirname "$0")/.."

profile=profiles/$1.yaml
venv=${VENV:-.venv}
data=var

fail() {
    printf 'portico: %s\n' "$*" >&2
    exit 1
}

# Prints the secret that is kept under this name, made anew when there is none yet.
kept() {
    if [ ! -s "$data/$1" ]; then
        "$venv/bin/python" -c 'import secrets, sys; print(secrets.token_urlsafe(int(sys.argv[1])))' "$2" >"$data/$1.new"
        mv "$data/$1.new" "$data/$1"
        printf 'Made a random secret: %s\n' "$data/$1" >&2
    fi
    cat "$data/$1"
}

[ -f "$profile" ] ||
    fail "there is no $profile. Profiles: $(for file in profiles/*.yaml; do basename "$file" .yaml; done | xargs)"

tools/venv.sh run

umask 077
[ -d "$data" ] || mkdir "$data" 2>/dev/null || fail "cannot make the folder $data in $(pwd): make the folder writable"
[ -w "$data" ] || fail "cannot write to $(pwd)/$data: make it writable for $(id -un), or remove it"

if [ -z "${JWT_SECRET:-}" ]; then
    JWT_SECRET=$(kept jwt-secret 48)
    export JWT_SECRET
fi
if [ -z "${DEMO_USER:-}${DEMO_PASSWORD:-}" ]; then
    DEMO_USER=demo@$1.example
    DEMO_PASSWORD=$(kept demo-password 12)
    export DEMO_USER DEMO_PASSWORD
fi
umask 022
exec "$venv/bin/portico" run "$profile"
