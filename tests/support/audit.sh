#!/usr/bin/env bash
# Looks over what goes to a server, with the tools of those who run servers: the unit's exposure, the alert rules with their
# tests, the manual pages, the package. Each is said by name; the first that is wrong, or a tool that is not there, ends it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# In tenths: 1.2.
readonly EXPOSURE_MAX=12
built=${CARGO_TARGET_DIR:-target}

look() {
    printf 'audit: %s\n' "$*"
    "$@"
}

exposure() {
    local said
    said=$(systemd-analyze security --offline=true --threshold=$EXPOSURE_MAX systemd/acequia.service) || {
        printf '%s\n' "$said" >&2
        return 1
    }
    printf '%s\n' "$said" | tail -n 1
}

# It is the schema of draft 7 for itself, and the example is right by it: tests/schema.rs. Here, that it is in the package.
package() {
    local packages=("$built"/debian/acequia_*.deb)
    if [[ ! -e ${packages[0]} ]]; then
        echo "audit: there is no package in $built/debian: run make deb first" >&2
        return 1
    fi
    # It warns when root runs it, and in CI root does.
    lintian --allow-root --fail-on error,warning "${packages[@]}"
}

look exposure
look promtool check rules config/prometheus/acequia.rules.yml
look promtool test rules config/prometheus/acequia.rules.test.yml
look mandoc -T lint -W warning doc/man/*
look package
echo 'audit: nothing is wrong'
