#!/usr/bin/env bash
# Starts one throw-away PostgreSQL cluster and owns it.
#
#     server.sh DIR [-c name=value]...
#
# DIR must not exist yet, or be empty. When the server takes connections, one line is printed:
#
#     ready DIR/sock PORT
#
# Then it waits. When its standard input closes (the owner is gone, however it went) or it gets TERM, it stops the
# server at once and removes DIR. Until then the owner may write lines: `stop` (at once, as a crash would), `shutdown` (in
# order, but waiting for nobody), `start`. Each is answered: `stopped` (after a shutdown that took a minute: that it did), or the
# `ready` line again.
#
# The superuser is `postgres`; data, log and socket are DIR/data, DIR/log and DIR/sock. The settings are those that
# logical replication and tests want, without fsync for speed; `-c` overrides them (all go to postgresql.conf, so
# ALTER SYSTEM still wins). Nothing listens on TCP unless `-c listen_addresses=127.0.0.1` asks for it; a free port is
# chosen then, unless `-c port=…` names one.
#
# Environment: ACEQUIA_PG_BIN (directory of the binaries), ACEQUIA_PG_AUTH_LOCAL (default trust),
# ACEQUIA_PG_AUTH_HOST (default scram-sha-256).
set -euo pipefail
# Nobody's settings but ours reach the server and its programs (PGDATA, PGPORT, PGOPTIONS, …).
unset "${!PG@}"
export LC_ALL=C TZ=UTC

readonly START_LIMIT_SECONDS=60
# A socket's path has at most 107 bytes, and PostgreSQL appends "/.s.PGSQL.65535" and ".lock".
readonly SOCKET_DIR_MAX_BYTES=85

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
server_pid=''
owned=''

fail() { printf 'server.sh: %s\n' "$@" >&2; exit 1; }

parse_arguments() {
    local usage='usage: server.sh DIR [-c name=value]...'
    (($# >= 1)) || fail "$usage"
    dir=$1
    shift
    [[ $dir == /* ]] || dir=$PWD/$dir
    settings=()
    port='' listens_on_tcp=''
    while (($# > 0)); do
        [[ $1 == -c && ${2:-} == ?*=* ]] || fail "not understood: $1" "$usage"
        case $2 in
            port=*) port=${2#*=} ;;
            listen_addresses=?*) listens_on_tcp=yes ;;&
            *) settings+=("$2") ;;
        esac
        shift 2
    done
}

# PostgreSQL refuses to run as root. `as_server` goes before every command that is the server's.
choose_user() {
    # Should this script be killed with -9, the kernel sends QUIT to the server, and it ends too.
    as_server=(setpriv --pdeathsig QUIT)
    server_user=$(id -un)
    ((EUID == 0)) || return 0
    server_user=nobody
    ! id -u postgres >/dev/null 2>&1 || server_user=postgres
    as_server+=(--reuid="$server_user" --regid="$(id -g "$server_user")" --init-groups)
}

make_directory() {
    local socket_dir=$dir/sock
    ((${#socket_dir} <= SOCKET_DIR_MAX_BYTES)) ||
        fail "$socket_dir is too long for a socket: at most $SOCKET_DIR_MAX_BYTES bytes. Use a shorter directory."
    if [[ -e $dir && ( ! -d $dir || -n $(ls -A "$dir") ) ]]; then
        fail "$dir exists and is not empty, and it would be removed in the end. Name a new directory."
    fi
    mkdir -p "$dir"
    owned=yes
    chmod 0700 "$dir"
    ((EUID != 0)) || chown "$server_user:$(id -gn "$server_user")" "$dir"
    "${as_server[@]}" test -w "$dir" ||
        fail "the user $server_user cannot reach $dir. Make the directories above it searchable (chmod a+x)."
}

make_cluster() {
    local locale=C.UTF-8
    locale -a | grep -qiE '^C\.utf-?8$' || locale=C
    # The working directory may be closed to the server's user; initdb complains about that.
    cd "$dir"
    "${as_server[@]}" mkdir "$dir/sock"
    "${as_server[@]}" "$bin/initdb" --pgdata="$dir/data" --username=postgres --encoding=UTF8 --locale="$locale" \
        --auth-local="${ACEQUIA_PG_AUTH_LOCAL:-trust}" --auth-host="${ACEQUIA_PG_AUTH_HOST:-scram-sha-256}" \
        --no-sync --no-instructions >"$dir/initdb.log" 2>&1 ||
        fail "initdb failed:" "$(tail -n 20 "$dir/initdb.log")"
    write_settings >>"$dir/data/postgresql.conf"
}

write_settings() {
    cat <<END
unix_socket_directories = '$dir/sock'
listen_addresses = ''
wal_level = logical
max_replication_slots = 40
max_wal_senders = 40
wal_sender_timeout = 10s
max_connections = 200
max_slot_wal_keep_size = 16GB
fsync = off
log_line_prefix = '%m [%p] %q%u@%d %a '
END
    local setting value
    for setting in "${settings[@]}"; do
        value=${setting#*=}
        printf "%s = '%s'\n" "${setting%%=*}" "${value//\'/\'\'}"
    done
}

# The server says that it takes connections in the eighth line of this file.
is_ready() {
    local lines=()
    [[ -r $dir/data/postmaster.pid ]] || return 1
    mapfile -t lines 2>/dev/null <"$dir/data/postmaster.pid" || return 1
    [[ ${lines[0]:-} == "$server_pid" && ${lines[7]:-} == ready* ]]
}

# Starts the server on `port` and waits until it takes connections; status 1 where it ended instead.
launch() {
    # A session of its own: Ctrl-C is for the owner, who decides when the server has to go.
    setsid "${as_server[@]}" "$bin/postgres" -D "$dir/data" -p "$port" </dev/null >>"$dir/log" 2>&1 &
    server_pid=$!
    local deadline=$((SECONDS + START_LIMIT_SECONDS))
    until is_ready; do
        kill -0 "$server_pid" 2>/dev/null || { server_pid=''; return 1; }
        ((SECONDS < deadline)) || fail "no connection within $START_LIMIT_SECONDS s:" "$(tail -n 20 "$dir/log")"
        sleep 0.02
    done
}

start() {
    local tries=1
    if [[ -z $port && -n $listens_on_tcp ]]; then
        # Below the ports that the kernel gives to outgoing connections, and above those that tests take for themselves.
        tries=20 port=$((30000 + RANDOM % 2000))
    fi
    # Behind a private socket directory every number is free.
    port=${port:-5432}
    until launch; do
        tries=$((tries - 1))
        { ((tries > 0)) && grep -q 'Address already in use' "$dir/log"; } ||
            fail "the server did not start:" "$(tail -n 20 "$dir/log")"
        port=$((30000 + RANDOM % 2000))
        : >"$dir/log"
    done
    printf 'ready %s %s\n' "$dir/sock" "$port"
}

stop() {
    [[ -n $server_pid ]] || return 0
    kill -QUIT "$server_pid" 2>/dev/null || true
    # One that a test has stopped would not hear it.
    kill -CONT "$server_pid" 2>/dev/null || true
    wait "$server_pid" 2>/dev/null || true
    server_pid=''
}

# One that is kept from going is ended after a minute, so that whoever waits for it learns that.
shut_down() {
    [[ -n $server_pid ]] || { echo stopped; return; }
    local how=stopped tenths=600
    kill -INT "$server_pid" 2>/dev/null || true
    while ((tenths-- > 0)) && kill -0 "$server_pid" 2>/dev/null; do sleep 0.1; done
    ! kill -0 "$server_pid" 2>/dev/null || how='did not stop within a minute'
    stop
    echo "$how"
}

# shellcheck disable=SC2317  # called by the trap
clean_up() {
    trap '' TERM INT HUP PIPE
    stop
    cd /
    [[ -z $owned ]] || rm -rf -- "$dir"
}

main() {
    parse_arguments "$@"
    bin=$("$here/postgres-bin.sh") ||
        fail "no PostgreSQL server binaries here. Run tests/support/install.sh, or set ACEQUIA_PG_BIN."
    choose_user
    trap clean_up EXIT
    trap 'exit 143' TERM HUP
    # Ctrl-C goes to the whole foreground group. Where the owner holds our input, it decides when to end.
    if [[ -t 0 ]]; then trap 'exit 130' INT; else trap '' INT; fi
    make_directory
    make_cluster
    start
    local line
    while read -r line; do
        case $line in
            stop) stop && echo stopped ;;
            shutdown) shut_down ;;
            start) [[ -n $server_pid ]] || start ;;
            *) fail "not understood on standard input: $line" ;;
        esac
    done
}

main "$@"
