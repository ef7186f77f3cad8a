#!/usr/bin/env bash
# Prints where the binaries of a server are: `mysql-bin.sh mariadb` or `mysql-bin.sh mysql`; nothing and status 1 where
# there is none. ACEQUIA_MARIADB_BIN and ACEQUIA_MYSQL_BIN name other directories.
#
# MariaDB comes with Debian and Ubuntu (mariadb-server). MySQL does not, so its tests run only where somebody names it.
set -euo pipefail

case ${1:-} in
    mariadb) named=${ACEQUIA_MARIADB_BIN:-} daemon=mariadbd ;;
    mysql) named=${ACEQUIA_MYSQL_BIN:-} daemon=mysqld ;;
    *) echo 'usage: mysql-bin.sh mariadb|mysql' >&2 && exit 2 ;;
esac

if [[ -n $named ]]; then
    if [[ -x $named/$daemon ]]; then
        printf '%s\n' "$named"
        exit 0
    fi
    echo "mysql-bin.sh: no $daemon in $named" >&2
    exit 1
fi
[[ $1 == mariadb ]] || exit 1
for directory in /usr/sbin /usr/libexec /usr/bin /usr/local/sbin /usr/local/bin; do
    if [[ -x $directory/$daemon ]]; then
        printf '%s\n' "$directory"
        exit 0
    fi
done
exit 1
