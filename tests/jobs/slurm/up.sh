#!/bin/bash
# up.sh [acct]   munged, slurmctld and slurmd on loopback; with acct MariaDB and slurmdbd as well.
# Root only. Debian packages: slurm-wlm munge [slurmdbd mariadb-server]. All of it lives in SLURM_HOME,
# but /etc/slurm links to the configuration: the executor's job step drops SLURM_CONF.
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
HOME_=${SLURM_HOME:?where to keep everything}
ETC=$HOME_/etc
RUN=$HOME_/run
ACCOUNTING=${1:-none}
mkdir -p "$ETC" "$RUN/state" "$RUN/spool" /etc/slurm /run/munge
chmod 755 /run/munge # the default socket: slurmdbd's clients read no other

STORAGE='AccountingStorageType=accounting_storage/none'
[ "$ACCOUNTING" = acct ] && STORAGE='AccountingStorageType=accounting_storage/slurmdbd\nAccountingStorageHost=127.0.0.1\nAccountingStoragePort=46819\nAccountingStoreFlags=job_comment\nAccountingStorageTRES=gres/gpu'
MEMORY=$(awk '/MemTotal/{print int($2/1024*0.8)}' /proc/meminfo)
for name in slurm gres cgroup slurmdbd; do
  rm -f "$ETC/$name.conf"
  sed -e "s#@HOME@#$HOME_#g; s#@HOST@#$(hostname -s)#g; s#@MEM@#$MEMORY#g; s#@ACCT@#$STORAGE#" \
    "$HERE/etc/$name.conf.in" > "$ETC/$name.conf"
  ln -sfn "$ETC/$name.conf" "/etc/slurm/$name.conf"
done
chmod 600 "$ETC/slurmdbd.conf"

# Pretend GPUs: gres.conf refuses plain files; these are character devices, of /dev/null's numbers.
for i in 0 1 2 3; do [ -c "$RUN/fakegpu$i" ] || mknod "$RUN/fakegpu$i" c 1 3; done
[ -s "$RUN/munge.key" ] || { dd if=/dev/urandom of="$RUN/munge.key" bs=1 count=1024 status=none; chmod 400 "$RUN/munge.key"; }
munged --force --key-file="$RUN/munge.key" --log-file="$RUN/munged.log" --pid-file="$RUN/munged.pid" --seed-file="$RUN/munge.seed"

wait_until() { for _ in $(seq 100); do "$@" > /dev/null 2>&1 && return; sleep .2; done; echo "gave up: $*" >&2; exit 1; }
if [ "$ACCOUNTING" = acct ]; then
  SQL="--no-defaults --socket=$RUN/mysql/s.sock"
  mkdir -p "$RUN/mysql"; chown mysql "$RUN/mysql"
  [ -d "$RUN/mysql/mysql" ] || mariadb-install-db --user=mysql --datadir="$RUN/mysql" --auth-root-authentication-method=normal --skip-test-db > "$RUN/mysql-install.log" 2>&1
  setsid mariadbd --no-defaults --user=mysql --datadir="$RUN/mysql" --bind-address=127.0.0.1 --port=46820 --socket="$RUN/mysql/s.sock" --pid-file="$RUN/mysql/mariadbd.pid" --innodb-buffer-pool-size=64M --innodb-lock-wait-timeout=900 > "$RUN/mariadbd.log" 2>&1 < /dev/null &
  wait_until mariadb-admin $SQL ping
  for host in 127.0.0.1 localhost; do
    mariadb $SQL -e "CREATE DATABASE IF NOT EXISTS slurm_acct_db; CREATE USER IF NOT EXISTS slurm@$host IDENTIFIED BY 'slurm'; GRANT ALL ON slurm_acct_db.* TO slurm@$host;"
  done
  slurmdbd
  wait_until sacctmgr -n list cluster
fi
slurmctld
wait_until sh -c 'scontrol ping | grep -q UP'
slurmd
wait_until sh -c 'sinfo -h -o %T | grep -q idle'
