#!/usr/bin/env bash
# Starts one throw-away MariaDB or MySQL server and owns it; the sister of server.sh.
#
#     mysql-server.sh mariadb|mysql DIR [--name=value]...
#
# DIR must not exist yet, or be empty. When the server takes connections, one line is printed:
#
#     ready DIR/sock PORT
#
# Then it waits. When its standard input closes (the owner is gone, however it went) or it gets TERM, it stops the
# server at once and removes DIR. Until then the owner may write lines: `stop` (at once, as a crash would), `start`.
# Each is answered: `stopped`, or the `ready` line again.
#
# The account root has no password and comes in by the socket only; further options are the server's own. It listens on a
# free port of 127.0.0.1. Its certificate, DIR/tls/server.pem, is for `localhost` and signed by DIR/tls/ca.pem.
set -euo pipefail
unset "${!MYSQL@}" "${!MARIADB@}"
export LC_ALL=C TZ=UTC

readonly START_LIMIT_SECONDS=60

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
server_pid=''
owned=''

fail() { printf 'mysql-server.sh: %s\n' "$@" >&2; exit 1; }

# Both servers refuse to run as root. `as_server` goes before every command that is the server's.
choose_user() {
    # Should this script be killed with -9, the kernel kills the server too.
    as_server=(setpriv --pdeathsig KILL)
    server_user=$(id -un)
    ((EUID == 0)) || return 0
    server_user=nobody
    ! id -u mysql >/dev/null 2>&1 || server_user=mysql
    as_server+=(--reuid="$server_user" --regid="$(id -g "$server_user")" --init-groups)
}

make_directory() {
    if [[ -e $dir && ( ! -d $dir || -n $(ls -A "$dir") ) ]]; then
        fail "$dir exists and is not empty, and it would be removed in the end. Name a new directory."
    fi
    mkdir -p "$dir"
    owned=yes
    chmod 0711 "$dir"
    ((EUID != 0)) || chown "$server_user:$(id -gn "$server_user")" "$dir"
    "${as_server[@]}" test -w "$dir" ||
        fail "the user $server_user cannot reach $dir. Make the directories above it searchable (chmod a+x)."
    cd "$dir"
}

# An authority, and a certificate for localhost that it has signed.
make_certificates() {
    mkdir "$dir/tls"
    (
        cd "$dir/tls"
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem
        openssl req -newkey rsa:2048 -nodes -subj /CN=server -keyout server.key -out server.csr
        printf 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n' >extensions
        openssl x509 -req -sha256 -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
            -extfile extensions -out server.pem
    ) >"$dir/openssl.log" 2>&1 || fail "openssl failed:" "$(tail -n 20 "$dir/openssl.log")"
    chmod -R a+rX "$dir/tls"
    ((EUID != 0)) || chown -R "$server_user:" "$dir/tls"
}

make_data() {
    local make
    if [[ $flavour == mysql ]]; then
        make=("$bin/mysqld" --no-defaults --initialize-insecure "--datadir=$dir/data" "--log-error=$dir/make.err")
    else
        make=(mariadb-install-db --no-defaults "--datadir=$dir/data" --auth-root-authentication-method=normal
            --skip-test-db --skip-name-resolve)
        [[ ! -x $bin/mariadb-install-db ]] || make[0]=$bin/mariadb-install-db
    fi
    "${as_server[@]}" "${make[@]}" >>"$dir/make.out" 2>&1 ||
        fail "no data directory:" "$(tail -n 20 "$dir"/make.*)"
}

# Starts the server on `port` and waits until it takes connections; status 1 where it ended instead.
launch() {
    local daemon=$bin/mariadbd
    [[ $flavour == mariadb ]] || daemon=$bin/mysqld
    local plain=(--no-defaults "--datadir=$dir/data" "--socket=$dir/sock" "--port=$port" --bind-address=127.0.0.1
        "--pid-file=$dir/pid" "--log-error=$dir/log.err" --skip-name-resolve --innodb-flush-log-at-trx-commit=2
        --innodb-buffer-pool-size=64M --max-connections=200 "--ssl-ca=$dir/tls/ca.pem"
        "--ssl-cert=$dir/tls/server.pem" "--ssl-key=$dir/tls/server.key")
    # A session of its own: Ctrl-C is for the owner, who decides when the server has to go.
    setsid "${as_server[@]}" "$daemon" "${plain[@]}" "${settings[@]}" </dev/null >>"$dir/out" 2>&1 &
    server_pid=$!
    local deadline=$((SECONDS + START_LIMIT_SECONDS))
    until grep -q 'ready for connections' "$dir/log.err" 2>/dev/null && [[ -S $dir/sock ]]; do
        kill -0 "$server_pid" 2>/dev/null || { server_pid=''; return 1; }
        ((SECONDS < deadline)) || fail "no connection within $START_LIMIT_SECONDS s:" "$(tail -n 20 "$dir/log.err")"
        sleep 0.02
    done
}

start() {
    local tries=20
    # Below the ports that the kernel gives to outgoing connections.
    port=${port:-$((18000 + RANDOM % 2000))}
    until launch; do
        tries=$((tries - 1))
        { ((tries > 0)) && grep -q 'Address already in use' "$dir/log.err"; } ||
            fail "the server did not start:" "$(tail -n 20 "$dir/log.err")"
        port=$((18000 + RANDOM % 2000))
        rm -f "$dir/log.err"
    done
    printf 'ready %s %s\n' "$dir/sock" "$port"
}

stop() {
    [[ -n $server_pid ]] || return 0
    kill -KILL "$server_pid" 2>/dev/null || true
    wait "$server_pid" 2>/dev/null || true
    server_pid=''
    rm -f "$dir/sock"
    mv -f "$dir/log.err" "$dir/before.err" 2>/dev/null || true
}

# shellcheck disable=SC2317  # called by the trap
clean_up() {
    trap '' TERM INT HUP PIPE
    stop
    cd /
    [[ -z $owned ]] || rm -rf -- "$dir"
}

main() {
    (($# >= 2)) || fail 'usage: mysql-server.sh mariadb|mysql DIR [--name=value]...'
    flavour=$1 dir=$2
    # It is removed in the end, from wherever this script is then.
    [[ $dir == /* ]] || dir=$PWD/$dir
    shift 2
    settings=("$@")
    bin=$("$here/mysql-bin.sh" "$flavour") || fail "no server binaries of $flavour here. Run tests/support/install.sh."
    choose_user
    trap clean_up EXIT
    trap 'exit 143' TERM HUP
    # Ctrl-C goes to the whole foreground group. Where the owner holds our input, it decides when to end.
    if [[ -t 0 ]]; then trap 'exit 130' INT; else trap '' INT; fi
    make_directory
    make_certificates
    make_data
    start
    local line
    while read -r line; do
        case $line in
            stop) stop && echo stopped ;;
            start) [[ -n $server_pid ]] || start ;;
            *) fail "not understood on standard input: $line" ;;
        esac
    done
}

main "$@"
