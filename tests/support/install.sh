#!/usr/bin/env bash
# Makes the machine ready for `make test` and `make demo`: a C compiler, the server binaries of PostgreSQL
# and MariaDB, openssl.
#
#     install.sh         what every run needs
#     install.sh test    and what tests are skipped without, by name: a container with systemd, promtool, mandoc, nft, faketime
#     install.sh package only what makes the Debian package: the C compiler, dpkg-dev, cargo-deb; no server
#     install.sh ci      all of it, and what looks over the package and its licences: lintian, cargo-deny, debootstrap
#
# Where everything is there it says so at once, without network. Else, where there is apt (Debian, Ubuntu), it
# installs what is missing, as root or by sudo; elsewhere it says what to install. It never leaves a database
# server running and creates no cluster: the tests start their own.
set -euo pipefail

readonly OLDEST_RUST="1.95.0"
readonly OLDEST_POSTGRES=14
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

say() { printf 'install: %s\n' "$*"; }
fail() { printf 'install: %s\n' "$@" >&2; exit 1; }

# Fills `missing` with the Debian packages that this machine lacks.
missing=()
for_what=run
find_missing() {
    missing=()
    command -v make >/dev/null || missing+=(make)
    # Cryptography (ring) is compiled from C.
    command -v cc >/dev/null || missing+=(gcc)
    [[ -e /usr/include/stdio.h ]] || printf '#include <stdio.h>\n' | cc -E - >/dev/null 2>&1 || missing+=(libc6-dev)
    # Cargo fetches by HTTPS.
    [[ -e /etc/ssl/certs/ca-certificates.crt || ! -e /etc/debian_version ]] || missing+=(ca-certificates)
    # cargo-deb finds by it which libraries the program needs.
    [[ $for_what != package && $for_what != ci ]] || command -v dpkg-shlibdeps >/dev/null || missing+=(dpkg-dev)
    [[ $for_what != package ]] || return 0
    # The tests make their certificates with it.
    command -v openssl >/dev/null || missing+=(openssl)
    "$here/postgres-bin.sh" >/dev/null || missing+=(postgresql)
    # Snapshots are loaded into it. The client loads dumps.
    { "$here/mysql-bin.sh" mariadb >/dev/null && command -v mariadb >/dev/null; } || missing+=(mariadb-server)
    [[ $for_what != run ]] || return 0
    # promtool reads metrics, alert rules and their tests.
    command -v promtool >/dev/null || missing+=(prometheus)
    command -v mandoc >/dev/null || missing+=(mandoc)
    # It has system calls refused.
    command -v strace >/dev/null || missing+=(strace)
    # It gives a process another time.
    command -v faketime >/dev/null || missing+=(faketime)
    # It drops packets, which only root can have dropped.
    ((EUID != 0)) || command -v nft >/dev/null || missing+=(nftables)
    # The service and its package are tried under a systemd of their own, which only root can boot.
    ((EUID != 0)) || command -v systemd-nspawn >/dev/null || missing+=(systemd-container)
    [[ $for_what == ci ]] || return 0
    command -v lintian >/dev/null || missing+=(lintian)
    # The tutorial is followed on a fresh Debian.
    ((EUID != 0)) || command -v debootstrap >/dev/null || missing+=(debootstrap)
}

# Cargo's own additions, built without optimization: that takes longer than they run.
install_with_cargo() {
    local PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin tool
    for tool in "$@"; do
        command -v "${tool%@*}" >/dev/null || cargo install --quiet --debug --locked "$tool" ||
            fail "cargo could not install $tool." "See its message above; without network, put the program into the PATH."
    done
}

# Fills `as_root` with what goes before a command that needs root: nothing, sudo without a question, or sudo where
# somebody can answer it.
as_root=()
find_root() {
    if ((EUID == 0)); then
        as_root=(env)
    elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; then
        as_root=(sudo env)
    else
        fail "${missing[*]} must be installed, and this user is not root and has no sudo." \
            "Ask an administrator to run: apt-get install ${missing[*]}"
    fi
}

# Debian's packages of MariaDB and Prometheus would start servers. A policy forbids that, and goes away again; one that is there stays.
policy=''
forbid_services() {
    [[ ! -e /usr/sbin/policy-rc.d ]] || return 0
    policy=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 0755 "$policy"
}

allow_services() {
    [[ -z $policy ]] || "${as_root[@]}" rm -f "$policy"
    policy=''
}

# Nor do they start with the machine, where they were installed for the tests.
leave_off() {
    command -v systemctl >/dev/null || return 0
    if [[ " ${missing[*]} " == *" mariadb-server "* ]]; then
        "${as_root[@]}" systemctl --quiet disable mariadb.service 2>/dev/null || true
    fi
    if [[ " ${missing[*]} " == *" prometheus "* ]]; then
        "${as_root[@]}" systemctl --quiet disable prometheus.service 2>/dev/null || true
    fi
}

install_with_apt() {
    # Debian's package would create a cluster "main" and start it. This drop-in prevents that, and goes away again.
    local drop_in_dir=/etc/postgresql-common/createcluster.d
    drop_in=$drop_in_dir/acequia-tests.conf
    find_root
    say "installing ${missing[*]}"
    trap '"${as_root[@]}" rm -f "$drop_in"; allow_services' EXIT
    forbid_services
    "${as_root[@]}" mkdir -p "$drop_in_dir"
    printf 'create_main_cluster = false\n' | "${as_root[@]}" tee "$drop_in" >/dev/null
    local apt_get=("${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -qq) status=0
    { "${apt_get[@]}" update && "${apt_get[@]}" install -y --no-install-recommends "${missing[@]}"; } || status=$?
    "${as_root[@]}" rm -f "$drop_in"
    "${as_root[@]}" rmdir --ignore-fail-on-non-empty "$drop_in_dir"
    allow_services
    leave_off
    ((status == 0)) || fail "apt-get could not install ${missing[*]}." \
        "See its message above; without network, install them by hand and run this again."
}

check_postgres_version() {
    local bin version
    bin=$("$here/postgres-bin.sh")
    version=$("$bin/postgres" --version)
    # "postgres (PostgreSQL) 15.18 (Debian …)", "… 18beta1"
    [[ $version =~ \(PostgreSQL\)\ ([0-9]+) ]] || fail "no version in the answer of $bin/postgres: $version"
    ((BASH_REMATCH[1] >= OLDEST_POSTGRES)) ||
        fail "PostgreSQL $OLDEST_POSTGRES or newer is needed; $bin has version ${BASH_REMATCH[1]}." \
            "Install a newer one, or name its directory in ACEQUIA_PG_BIN."
}

check_rust() {
    local how="Get it from https://rustup.rs, or run: rustup toolchain install stable"
    local cargo version
    cargo=$(command -v cargo || true)
    if [[ -z $cargo && -x ${CARGO_HOME:-$HOME/.cargo}/bin/cargo ]]; then
        cargo=${CARGO_HOME:-$HOME/.cargo}/bin/cargo
    fi
    [[ -n $cargo ]] || fail "Rust $OLDEST_RUST or newer is needed, and there is no cargo." "$how"
    version=$("$cargo" --version | awk '{ print $2 }')
    if [[ $(printf '%s\n' "$OLDEST_RUST" "$version" | sort --version-sort | head -n 1) != "$OLDEST_RUST" ]]; then
        fail "Rust $OLDEST_RUST or newer is needed; this is $version." "$how"
    fi
}

main() {
    case ${1:-run} in
        run | test | package | ci) for_what=${1:-run} ;;
        *) fail "usage: install.sh [test | package | ci]" ;;
    esac
    check_rust
    find_missing
    if ((${#missing[@]} > 0)); then
        if ! command -v apt-get >/dev/null; then
            fail "missing: ${missing[*]} (names as on Debian), and there is no apt-get here." \
                "Install PostgreSQL $OLDEST_POSTGRES or newer (server and client), MariaDB 10.6 or newer (server and client), a C compiler with its headers, make and openssl." \
                "Where PostgreSQL's binaries are in an unusual place, name their directory in ACEQUIA_PG_BIN."
        fi
        install_with_apt
        find_missing
        ((${#missing[@]} == 0)) || fail "still missing after the installation: ${missing[*]}"
    fi
    if [[ $for_what != package ]]; then
        check_postgres_version
        "$here/versions.sh" fetch
    fi
    case $for_what in
        package) install_with_cargo cargo-deb@3.8.0 ;;
        ci) install_with_cargo cargo-deb@3.8.0 cargo-deny@0.20.2 ;;
        run | test) ;;
    esac
    say "nothing is missing"
}

main "$@"
