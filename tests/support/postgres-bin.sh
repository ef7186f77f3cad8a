#!/usr/bin/env bash
# Prints the directory of the newest PostgreSQL server binaries on this machine (initdb, postgres, psql),
# or nothing and status 1. ACEQUIA_PG_BIN names another directory.
#
# Debian keeps server binaries out of the PATH, one directory per major version: the newest wins.
set -euo pipefail

if [[ -n ${ACEQUIA_PG_BIN:-} ]]; then
    if [[ -x $ACEQUIA_PG_BIN/initdb && -x $ACEQUIA_PG_BIN/postgres ]]; then
        printf '%s\n' "$ACEQUIA_PG_BIN"
        exit 0
    fi
    echo "ACEQUIA_PG_BIN: no initdb and postgres in $ACEQUIA_PG_BIN" >&2
    exit 1
fi

candidates() {
    # Debian and Ubuntu; Red Hat's PGDG packages; SUSE.
    local version_dirs=(/usr/lib/postgresql/*/bin /usr/pgsql-*/bin /usr/lib/postgresql[0-9]*/bin)
    printf '%s\n' "${version_dirs[@]}" | sort --version-sort --reverse
    local initdb
    if initdb=$(command -v initdb); then
        dirname "$(readlink -f "$initdb")"
    fi
}

while read -r directory; do
    if [[ -x $directory/initdb && -x $directory/postgres && -x $directory/psql ]]; then
        printf '%s\n' "$directory"
        exit 0
    fi
done < <(candidates)
exit 1
