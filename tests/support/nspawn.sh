#!/usr/bin/env bash
# Boots one throw-away container whose first process is systemd, and owns it: a copy of this machine's root over an overlay,
# with a PostgreSQL server of its own and the service as it is installed. Nothing of the machine is changed.
#
#     nspawn.sh check              prints why it can't be done here, if so, and ends with 1
#     nspawn.sh ACEQUIA            the path of the binary
#     nspawn.sh -                  without the service: nothing of ours is installed
#
# When the container is up, one line is printed: `ready PID`, the process that nsenter(1) wants. Then it waits. When its
# standard input closes (the owner is gone, however it went) or it gets TERM, the container is ended and nothing is left of it.
set -euo pipefail

readonly START_LIMIT_SECONDS=60
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

fail() { printf 'nspawn.sh: %s\n' "$@" >&2; exit 1; }

check() {
    local program
    ((EUID == 0)) || { echo "only root can boot a container"; return 1; }
    for program in systemd-nspawn nsenter systemd-sysusers systemd-tmpfiles; do
        command -v "$program" >/dev/null || { echo "$program is not installed (Debian: systemd-container)"; return 1; }
    done
    grep -qw overlay /proc/filesystems || modprobe overlay 2>/dev/null || { echo "the kernel has no overlay"; return 1; }
    local probe
    probe=$(mktemp -d)
    if ! mount -t tmpfs tmpfs "$probe" 2>/dev/null; then
        rmdir "$probe"
        echo "mounting is not allowed here"
        return 1
    fi
    umount "$probe"
    rmdir "$probe"
    systemd-nspawn --quiet --register=no --keep-unit --private-network --console=pipe --directory=/ --volatile=yes \
        /bin/true </dev/null >/dev/null 2>&1 || { echo "systemd-nspawn can't start a container here"; return 1; }
}

# The overlay's upper layer is in memory: the root below it may be anything.
mount_root() {
    mount -t tmpfs -o mode=0755 acequia-test "$dir"
    mkdir "$dir/upper" "$dir/work" "$dir/root"
    mount -t overlay -o "lowerdir=/,upperdir=$dir/upper,workdir=$dir/work" acequia-test "$dir/root"
}

# The server that the service finds where Debian's would be. `acequia` has to give its password.
install_postgres() {
    cat >"$dir/root/etc/systemd/system/postgresql.service" <<END
[Unit]
Description=PostgreSQL for the tests
[Service]
Type=exec
User=postgres
RuntimeDirectory=postgresql
RuntimeDirectoryMode=0755
RuntimeDirectoryPreserve=yes
ExecStartPre=/bin/sh -c 'test -e /srv/pg/PG_VERSION || $bin/initdb -D /srv/pg -U postgres -E UTF8 --locale=C -A trust --no-sync >/dev/null'
ExecStartPre=/bin/sh -c 'printf "local all postgres trust\nlocal all acequia scram-sha-256\n" >/srv/pg/pg_hba.conf'
ExecStart=$bin/postgres -D /srv/pg -k /run/postgresql -c listen_addresses= -c wal_level=logical -c fsync=off -c wal_sender_timeout=10s
KillSignal=SIGINT
END
    # Debian's own clusters would listen at the same place.
    rm -rf "$dir/root/etc/postgresql"
    id -u postgres >/dev/null 2>&1 || useradd --root "$dir/root" --system postgres
    mkdir -p "$dir/root/srv/pg"
    chroot "$dir/root" chown postgres: /srv/pg
    chmod 0700 "$dir/root/srv/pg"
}

# As the package does it.
install_service() {
    cp "$root/systemd/acequia.service" "$dir/root/etc/systemd/system/"
    systemd-sysusers --root="$dir/root" "$root/systemd/acequia.sysusers" 2>/dev/null
    systemd-tmpfiles --root="$dir/root" --create "$root/systemd/acequia.tmpfiles"
    cp "$binary" "$dir/root/usr/bin/acequia"
}

# Nothing of what this machine starts by itself.
leave_out() {
    mkdir -p "$dir/root/etc/systemd/system"
    printf '[Unit]\nDescription=Tests\nRequires=basic.target dbus.service\nAfter=basic.target dbus.service\nAllowIsolate=yes\n' \
        >"$dir/root/etc/systemd/system/acequia-test.target"
    rm -rf "$dir/root/etc/systemd/system/sysinit.target.wants" "$dir/root/etc/systemd/system/timers.target.wants" \
        "$dir/root/etc/systemd/system/sockets.target.wants" "$dir/root/var/log/journal"
    rm -f "$dir/root/etc/machine-id"
    tr -d - </proc/sys/kernel/random/uuid >"$dir/root/etc/machine-id"
}

inside() { nsenter --target "$leader" --mount --uts --ipc --net --pid -- "$@"; }

leader=''
boot() {
    setsid systemd-nspawn --quiet --boot --register=no --keep-unit --private-network --console=pipe --link-journal=no \
        --machine="acequia-test-$$" --directory="$dir/root" systemd.unit=acequia-test.target \
        </dev/null >"$dir/console" 2>&1 &
    nspawn=$!
    local deadline=$((SECONDS + START_LIMIT_SECONDS))
    until leader=$(pgrep --parent "$nspawn" | head -n 1) && [[ -n $leader ]] &&
        inside systemctl is-active --quiet acequia-test.target 2>/dev/null; do
        kill -0 "$nspawn" 2>/dev/null || fail "the container ended:" "$(tail -n 20 "$dir/console")"
        ((SECONDS < deadline)) || fail "the container did not come up:" "$(tail -n 20 "$dir/console")"
        sleep 0.1
    done
}

nspawn='' owned=''
# shellcheck disable=SC2317  # called by the trap
clean_up() {
    trap '' TERM INT HUP PIPE
    cd /
    # The first process of the container takes all others with it.
    [[ -z $leader ]] || kill -KILL "$leader" 2>/dev/null || true
    [[ -z $nspawn ]] || { [[ -n $leader ]] || kill -KILL "$nspawn" 2>/dev/null || true; wait "$nspawn" 2>/dev/null || true; }
    # Groups of processes that systemd has made for the container; those of others are not empty.
    find /sys/fs/cgroup -depth -type d '(' -path '*/payload*' -o -path '*/supervisor*' ')' -exec rmdir {} + 2>/dev/null || true
    [[ -n $owned ]] || return 0
    umount "$dir/root" 2>/dev/null || umount --lazy "$dir/root" 2>/dev/null || true
    umount "$dir" 2>/dev/null || umount --lazy "$dir" 2>/dev/null || true
    rmdir "$dir" 2>/dev/null || true
}

main() {
    if [[ ${1:-} == check ]]; then check; return; fi
    (($# == 1)) || fail 'usage: nspawn.sh check | nspawn.sh ACEQUIA | nspawn.sh -'
    binary=$1
    bin=$("$here/postgres-bin.sh") || fail "no PostgreSQL server binaries here"
    trap clean_up EXIT
    trap 'exit 143' TERM HUP INT
    dir=$(mktemp --directory --tmpdir acequia-nspawn-XXXXXX)
    owned=yes
    mount_root
    install_postgres
    [[ $binary == - ]] || install_service
    leave_out
    boot
    printf 'ready %s\n' "$leader"
    # Until its owner is gone.
    while read -r _; do :; done
}

main "$@"
