#!/usr/bin/env bash
# README's "Ten minutes to your own database", followed word by word on a fresh Debian 12 that boots in a container: its blocks
# are taken out of README.md and run in their order, as root. Then it is looked whether a changed row is at the other customer
# and a snapshot is published.
#
#     tests/systemd/tutorial.sh [PACKAGE.deb]      what `make deb` has built, unless another one is named
#
# ACEQUIA_FRESH_DEBIAN names the root of a fresh system (`debootstrap --variant=minbase --include=systemd-sysv,dbus bookworm DIR`);
# without it one is made, which takes a minute and Debian's mirrors. That root is not changed. Without root, a network or
# systemd-nspawn this is skipped, by name.
set -euo pipefail

readonly BOOT_LIMIT_SECONDS=900
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

skip() { printf 'skipped: the tutorial on a fresh Debian: %s\n' "$1"; exit 0; }
fail() { printf 'tutorial.sh: %s\n' "$@" >&2; exit 1; }

# The blocks, one file each, without the indentation of the list that they stand in.
extract() {
    awk -v into="$1" '
        /^## / { wanted = ($0 == "## Ten minutes to your own database") }
        wanted && /^ *```sh$/ { file = sprintf("%s/%02d.sh", into, ++count); inside = 1; indent = match($0, /[^ ]/) - 1; printf "" > file; next }
        inside && /^ *```$/ { inside = 0; close(file); next }
        inside { print substr($0, indent + 1) > file }
    ' "$root/README.md"
}

# What the container does once it is up: every block in one shell, as somebody would at a terminal, and then the proof.
write_runner() {
    cat >"$dir/root/srv/follow.sh" <<'END'
#!/bin/bash
cd /srv || exit 1
# In a shell of its own that ends at the first line that fails.
follow() (
    set -e
    for block in /srv/blocks/*.sh; do
        began=$(date +%s.%N)
        printf '\n==== block %s\n' "$(basename "$block" .sh)"
        sed 's/^/| /' "$block"
        # shellcheck disable=SC1090  # the blocks of README.md
        . "$block"
            awk -v from="$began" -v to="$(date +%s.%N)" 'BEGIN { printf "==== took %.1f s\n", to - from }'
    done
)
prove() {
    local query="SELECT string_agg(code || '=' || fee, ' ' ORDER BY code) FROM north.cpt_code" found
    found=$(runuser -u postgres -- psql -qAtX practicedb -c "$query")
    printf '\nnorth has: %s\n' "$found"
    [[ $found == '99212=75.00 99213=125.00 99214=180.00' ]] || return 1
    [[ -s /var/lib/acequia/snapshots/nightly/current/manifest.json ]] || return 1
    systemctl is-active --quiet acequia || return 1
}
cp /srv/package.deb "/tmp/$(cat /srv/package.name)"
began=$SECONDS
status=1
follow
# Not `if follow`: there, set -e would be of no effect.
followed=$?
cd /tmp || exit 1
if ((followed == 0)) && prove; then status=0; fi
((status == 0)) || journalctl --no-pager -u acequia -n 30
printf '\nstatus %s after %s s\n' "$status" "$((SECONDS - began))"
printf '%s' "$status" >/srv/status
systemctl poweroff
END
    chmod 755 "$dir/root/srv/follow.sh"
    cat >"$dir/root/etc/systemd/system/follow.service" <<'END'
[Unit]
Description=The tutorial
Wants=network-online.target
After=network-online.target
[Service]
Type=simple
ExecStart=/srv/follow.sh
StandardOutput=file:/srv/log
StandardError=inherit
Environment=DEBIAN_FRONTEND=noninteractive HOME=/root
[Install]
WantedBy=multi-user.target
END
    ln -s ../follow.service "$dir/root/etc/systemd/system/multi-user.target.wants/follow.service"
}

dir=''
# shellcheck disable=SC2317  # called by the trap
clean_up() {
    [[ -n $dir ]] || return 0
    cd /
    umount "$dir/root" 2>/dev/null || umount --lazy "$dir/root" 2>/dev/null || true
    umount "$dir" 2>/dev/null || umount --lazy "$dir" 2>/dev/null || true
    rmdir "$dir" 2>/dev/null || true
}

main() {
    local why
    why=$("$root/tests/support/nspawn.sh" check) || skip "$why"
    local package=${1:-} fresh=${ACEQUIA_FRESH_DEBIAN:-}
    [[ -n $package ]] || package=$(ls "${CARGO_TARGET_DIR:-$root/target}"/debian/acequia_*.deb 2>/dev/null | tail -n 1)
    [[ -f $package ]] || fail "there is no package: make deb"
    trap clean_up EXIT
    trap 'exit 143' TERM HUP INT
    dir=$(mktemp --directory --tmpdir acequia-tutorial-XXXXXX)
    # All that the container writes is in memory.
    mount -t tmpfs -o mode=0755 acequia-tutorial "$dir" || skip "mounting is not allowed here"
    mkdir "$dir/upper" "$dir/work" "$dir/root"
    if [[ -z $fresh ]]; then
        command -v debootstrap >/dev/null || skip "debootstrap is not installed, and ACEQUIA_FRESH_DEBIAN names no fresh system"
        fresh=$dir/fresh
        debootstrap --variant=minbase --include=systemd-sysv,dbus,ca-certificates bookworm "$fresh" >"$dir/debootstrap.log" 2>&1 ||
            skip "no fresh Debian could be fetched: $(tail -n 1 "$dir/debootstrap.log")"
    fi
    mount -t overlay -o "lowerdir=$fresh,upperdir=$dir/upper,workdir=$dir/work" acequia-tutorial "$dir/root" || skip "no overlay here"
    mkdir -p "$dir/root/srv/blocks" "$dir/root/etc/systemd/system/multi-user.target.wants"
    extract "$dir/root/srv/blocks"
    cp "$package" "$dir/root/srv/package.deb"
    # It is copied to where README says when the container's own /tmp is there.
    printf '%s' "${package##*/}" >"$dir/root/srv/package.name"
    write_runner
    rm -f "$dir/root/etc/machine-id"
    tr -d - </proc/sys/kernel/random/uuid >"$dir/root/etc/machine-id"
    timeout "$BOOT_LIMIT_SECONDS" systemd-nspawn --quiet --boot --register=no --keep-unit --console=pipe --link-journal=no \
        --resolv-conf=copy-host --machine="acequia-tutorial-$$" --directory="$dir/root" </dev/null >"$dir/console" 2>&1 ||
        {
            tail -n 30 "$dir/console" >&2
            [[ -e $dir/root/srv/log ]] || skip "no container boots here (what it said is above)"
            fail "the container ended badly"
        }
    cat "$dir/root/srv/log"
    [[ $(cat "$dir/root/srv/status" 2>/dev/null) == 0 ]] || fail "the tutorial did not lead to its end"
}

main "$@"
