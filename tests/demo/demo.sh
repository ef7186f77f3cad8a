#!/usr/bin/env bash
# Acequia, seen at work: `make demo`, or `make demo ARGS=--once`.
#
# Starts a throw-away PostgreSQL server with the sample practice database (a master customer and three others), starts the
# daemon on the files of config/, changes things in the master, and shows what arrived where and how fast. Then it dumps
# the customers, to archives and to a throw-away MariaDB server. Then it stays up for exploring, until Enter or Ctrl-C; with
# --once it ends there. Every step checks what it shows: the status is 0
# only where all of it held. Nothing is left behind.
set -euo pipefail

readonly STEP_LIMIT_SECONDS=60
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
demo=$root/tests/demo
once=''
place=''
server_input=''
server_pid=''
mysql_input=''
mysql_pid=''
daemon_pid=''
title_colour='' dim='' good='' bad='' plain=''

usage() { echo 'usage: demo.sh [--once]'; }

choose_colours() {
    if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
        title_colour=$'\e[1;36m' dim=$'\e[2m' good=$'\e[1;32m' bad=$'\e[1;31m' plain=$'\e[0m'
    fi
}

title() { printf '\n%s── %s%s\n' "$title_colour" "$*" "$plain"; }
note() { printf '%s%s%s\n' "$dim" "$*" "$plain"; }
held() { printf '%s✓%s %s\n' "$good" "$plain" "$*"; }

fail() {
    printf '%s✗ %s%s\n' "$bad" "$1" "$plain" >&2
    shift
    (($# == 0)) || printf '  %s\n' "$@" >&2
    if [[ -s $place/acequia.log ]]; then
        printf '  The last lines of the daemon:\n' >&2
        tail -n 15 "$place/acequia.log" | sed 's/^/    /' >&2
    fi
    exit 1
}

# ---- what goes when the demo ends, however it ends --------------------------------------------------------------------

stop_daemon() {
    [[ -n $daemon_pid ]] || return 0
    kill -TERM "$daemon_pid" 2>/dev/null || true
    local deadline=$((SECONDS + 20))
    while kill -0 "$daemon_pid" 2>/dev/null; do
        if ((SECONDS >= deadline)); then
            kill -KILL "$daemon_pid" 2>/dev/null || true
        fi
        sleep 0.05
    done
    local status=0
    wait "$daemon_pid" 2>/dev/null || status=$?
    daemon_pid=''
    return "$status"
}

# shellcheck disable=SC2317  # called by the trap
clean_up() {
    trap '' INT TERM HUP
    stop_daemon || true
    # The server stops itself when its input closes.
    [[ -z $server_input ]] || exec {server_input}>&-
    [[ -z $mysql_input ]] || exec {mysql_input}>&-
    [[ -z $server_pid ]] || wait "$server_pid" 2>/dev/null || true
    [[ -z $mysql_pid ]] || wait "$mysql_pid" 2>/dev/null || true
    [[ -z $place ]] || rm -rf -- "$place"
}

# ---- the stage --------------------------------------------------------------------------------------------------------

# Quietly, as the superuser, against the demo's own server.
db() { "$bin/psql" --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --no-align --tuples-only "$@"; }

build() {
    title 'Building'
    "$root/tests/support/install.sh"
    (cd "$root" && cargo build --release --locked)
    acequia=${CARGO_TARGET_DIR:-$root/target}/release/acequia
    bin=$("$root/tests/support/postgres-bin.sh")
}

start_server() {
    title 'A throw-away PostgreSQL server with four customers in one database'
    place=$(mktemp -d /tmp/acequia-demo.XXXXXX)
    # The server's own user must pass through; what is secret inside has its own mode.
    chmod 0711 "$place"
    cat >"$place/pg_hba.conf" <<'END'
local  all          postgres  trust
local  all          all       scram-sha-256
local  replication  all       scram-sha-256
END
    chmod 0644 "$place/pg_hba.conf"
    coproc SERVER { exec "$root/tests/support/server.sh" "$place/pg" -c "hba_file=$place/pg_hba.conf"; }
    server_pid=$SERVER_PID
    exec {server_input}>&"${SERVER[1]}" {SERVER[1]}>&-
    local word=''
    read -r word PGHOST PGPORT <&"${SERVER[0]}" || true
    [[ $word == ready ]] || fail 'The server did not start.' 'Its own message stands above.'
    export PGHOST PGPORT PGUSER=postgres PGDATABASE=practicedb PGCLIENTENCODING=UTF8
    held "$("$bin/postgres" --version), socket in $PGHOST"
}

# A second server, of another kind, for the snapshots. It ends as the first one does: when its input closes.
start_mysql() {
    mkfifo -m 0600 "$place/mysql.in" "$place/mysql.out"
    "$root/tests/support/mysql-server.sh" mariadb "$place/mysql" <"$place/mysql.in" >"$place/mysql.out" {server_input}>&- &
    mysql_pid=$!
    exec {mysql_input}>"$place/mysql.in"
    local word='' port=''
    read -r word mysql_socket port <"$place/mysql.out" || true
    [[ $word == ready ]] || fail 'The MariaDB server did not start.' 'Its own message stands above.'
    held "$(reporting --execute='SELECT version()'), socket $mysql_socket"
}

# Quietly, as the superuser, against the demo's own MariaDB server.
reporting() { mariadb --no-defaults --user=root --socket="$mysql_socket" --batch --skip-column-names "$@"; }

create_customers() {
    local schema
    db --dbname=postgres --command='CREATE DATABASE practicedb'
    for schema in practice cust_north cust_south 'Cust Weird-Näme'; do
        # A blank inside PGOPTIONS is escaped by a backslash.
        PGOPTIONS="-c practice.schema=${schema// /\\ }" db --output=/dev/null --file="$root/sql/practice/practice_schema.sql" \
            2> >(grep -v NOTICE >&2 || true)
    done
    db --output=/dev/null --file="$demo/look.sql" --file="$demo/customers.sql" ||
        fail 'The sample database could not be made.' "psql's message stands above."
    held 'hq (the master), north, south (with rows of its own), and weird, whose schema is "Cust Weird-Näme"'
}

write_config() {
    config=$place/config
    cp -r "$root/config" "$config"
    password_file=$place/password
    (umask 077 && head -c 18 /dev/urandom | base64 >"$password_file")
    sed -i \
        -e "s|^host = .*|host = \"$PGHOST\"|" \
        -e "s|^port = .*|port = $PGPORT|" \
        -e "s|^password = .*|password = { file = \"$password_file\" }|" \
        -e "s|^runtime_directory = .*|runtime_directory = \"$place/run\"|" "$config/acequia.toml"
    mkdir -m 0700 "$place/run"
    # The second snapshot of the file is for a server, which the demo has.
    sed -i \
        -e 's|^enabled = false$|enabled = true|' \
        -e "s|^directory = .*|directory = \"$place/snapshots\"|" \
        -e "s|^host = .*|host = \"$mysql_socket\"|" \
        -e '/^port = /d' \
        -e "s|^password = .*|password = { file = \"$password_file\" }|" "$config/conf.d/25-snapshots.toml"
}

# What a DBA does once: a role, and the SQL that Acequia asks for.
set_up_acequia() {
    title 'Acequia: set up, check, run'
    # By the environment: a password must not stand among the arguments of a process.
    ACEQUIA_PASSWORD=$(<"$password_file") db <<'END'
\getenv password ACEQUIA_PASSWORD
CREATE ROLE acequia LOGIN REPLICATION PASSWORD :'password';
END
    # By standard input: a password must not stand among the arguments of a process.
    reporting <<END || fail 'The account of the snapshots could not be made.'
CREATE USER acequia IDENTIFIED BY '$(<"$password_file")';
CREATE DATABASE practice_hq; CREATE DATABASE practice_north;
GRANT ALL ON practice_hq.* TO acequia; GRANT ALL ON practice_north.* TO acequia;
END
    "$acequia" --config "$config" setup --print-sql >"$place/setup.sql" || fail '`acequia setup --print-sql` failed.'
    db --output=/dev/null --file="$place/setup.sql" 2> >(grep -v NOTICE >&2 || true) ||
        fail 'The SQL of `acequia setup --print-sql` was refused.' "psql's message stands above."
    held '`acequia setup --print-sql | psql`: the grants, the publication, the control schema'
    "$acequia" --config "$config" check || fail '`acequia check` found something wrong.'
    held '`acequia check`'
}

# Not to be mistaken for a text search in JSON: the keys are few and the state is one word.
is_streaming() {
    local status
    status=$("$acequia" --config "$config" status --output json 2>/dev/null | tr -d ' \n') || return 1
    [[ $status == *'"state":"streaming"'* && $status != *'"state":"halted"'* && $status != *'"state":"retrying"'* &&
        $status != *'"state":"starting"'* ]]
}

start_daemon() {
    # A session of its own: Ctrl-C is for this script, which stops things in order. Should this script be killed, the
    # daemon gets TERM, and it does not hold the server's input open.
    setsid setpriv --pdeathsig TERM "$acequia" --config "$config" run \
        </dev/null >"$place/acequia.log" 2>&1 {server_input}>&- &
    daemon_pid=$!
    local deadline=$((SECONDS + STEP_LIMIT_SECONDS))
    until is_streaming; do
        kill -0 "$daemon_pid" 2>/dev/null || fail '`acequia run` ended.'
        ((SECONDS < deadline)) || fail "\`acequia run\` does not stream after $STEP_LIMIT_SECONDS s."
        sleep 0.1
    done
    held "\`acequia run\`, process $daemon_pid, streams"
}

# ---- the play ---------------------------------------------------------------------------------------------------------

# One change in the master: a heading, and a file of tests/demo/ that makes the change, waits, checks and shows.
step() {
    local name=$1 heading=$2
    title "$heading"
    (cd "$root/sql/practice/data" &&
        "$bin/psql" --no-psqlrc --quiet --file="$demo/form.sql" --file="$demo/$name.sql") ||
        fail "This step failed: $heading" "What did not hold stands above. The SQL is in tests/demo/$name.sql."
    held 'every customer has what it should have, and kept what is its own'
}

play() {
    step load 'Headquarters loads its reference data: 14,113 ICD-10-CM and 5,646 ICD-10-PCS codes, facilities, payers, …'
    step yearly 'The yearly code update: 9 new codes, 66 changed wordings, 2 retired codes'
    step fees 'A fee change: all prices up by 4 %, one price withdrawn'
    step rename 'A renamed procedure code: T1016 becomes T1016-CM'
    step payer 'A new payer with its fee schedule'
}

# Both kinds of snapshots: archives, and tables of the other server.
dump() {
    title 'Snapshots: all tables of the customers at one moment'
    local name
    for name in nightly reporting; do
        note "acequia snapshot run $name"
        "$acequia" --config "$config" snapshot run "$name" || fail "\`acequia snapshot run $name\` failed."
    done
    "$acequia" --config "$config" snapshot list || fail '`acequia snapshot list` failed.'
    "$acequia" --config "$config" snapshot verify nightly || fail '`acequia snapshot verify` failed.'
    (cd "$place/snapshots/nightly/current" && ls -l)
    local here there
    here=$(db --command='SELECT count(*) FROM cust_north.cpt_code')
    there=$(reporting --execute='SELECT count(*) FROM practice_north.cpt_code')
    [[ $here == "$there" ]] || fail "north has $here procedure codes, and MariaDB has $there."
    held "archives in $place/snapshots/nightly/current, and $there of $here procedure codes of north in MariaDB"
}

show_status() {
    title '`acequia status`'
    "$acequia" --config "$config" status || fail '`acequia status` failed.'
    local parked
    parked=$(db --command='SELECT count(*) FROM acequia.parked')
    ((parked == 0)) || fail "$parked rows are parked, and none should be." "$("$acequia" --config "$config" parked list || true)"
    kill -0 "$daemon_pid" 2>/dev/null || fail '`acequia run` ended before its time.'
}

invite() {
    title 'Still running, and yours to explore'
    cat <<END
  The database, as its superuser:
    PGHOST=$PGHOST PGPORT=$PGPORT $bin/psql -U postgres practicedb
  All customers side by side, for instance:
    SELECT customer, seq_no, code, description, default_price FROM demo.cpt_code WHERE code = 'G0283';
  Change something in the master, and look again:
    UPDATE practice.cpt_code SET default_price = 99 WHERE code = 'G0283';
  Acequia:
    $acequia --config $config status
    $acequia --config $config parked list
    $acequia --config $config config show
    $acequia --config $config snapshot sample nightly --to $place/sample
  The snapshots, as archives and in MariaDB:
    ls $place/snapshots/nightly/current/
    mariadb --no-defaults --user=root --socket=$mysql_socket practice_north
  Its log:      $place/acequia.log
  Its files:    $config
END
    printf '\n%s%s%s' "$title_colour" 'Press Enter to end; everything is removed then. ' "$plain"
    # Here Ctrl-C is as good an end as Enter.
    trap 'echo; finish; exit 0' INT
    # Where nobody is at the keyboard, the end of the input is the end.
    read -r || echo
    trap 'exit 130' INT
}

finish() {
    local status=0
    stop_daemon || status=$?
    ((status == 0)) || fail "\`acequia run\` ended with status $status when it was told to stop."
    printf '\n'
    held "All steps held, in $SECONDS s. Nothing is left behind."
}

main() {
    case "$*" in
        '') ;;
        --once) once=yes ;;
        -h | --help) usage && exit 0 ;;
        *) usage >&2 && exit 2 ;;
    esac
    choose_colours
    # Nothing of the caller's own databases may reach this one.
    unset "${!PG@}"
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    build
    SECONDS=0
    start_server
    start_mysql
    create_customers
    write_config
    set_up_acequia
    start_daemon
    play
    dump
    show_status
    [[ -n $once ]] || invite
    finish
}

main "$@"
