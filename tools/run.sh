#!/bin/sh
# Runs the gateway with one of the profiles, after making what a first run lacks: the data folder and a
# secret for signing tokens, both for this user alone. JWT_SECRET from the environment is kept if it is set.
set -eu
cd "$(dirname "$0")/.."

profile=profiles/$1.yaml
venv=${VENV:-.venv}
data=var
secret=$data/jwt-secret

fail() {
    printf 'portico: %s\n' "$*" >&2
    exit 1
}

[ -f "$profile" ] ||
    fail "there is no $profile. Profiles: $(for file in profiles/*.yaml; do basename "$file" .yaml; done | xargs)"

tools/venv.sh run

umask 077
[ -d "$data" ] || mkdir "$data" 2>/dev/null || fail "cannot make the folder $data in $(pwd): make the folder writable"
[ -w "$data" ] || fail "cannot write to $(pwd)/$data: make it writable for $(id -un), or remove it"

if [ -z "${JWT_SECRET:-}" ]; then
    if [ ! -s "$secret" ]; then
        "$venv/bin/python" -c 'import secrets; print(secrets.token_urlsafe(48))' >"$secret.new"
        mv "$secret.new" "$secret"
        printf 'Made a secret for signing tokens: %s\n' "$secret"
    fi
    JWT_SECRET=$(cat "$secret")
    export JWT_SECRET
fi
umask 022
exec "$venv/bin/portico" run "$profile"
