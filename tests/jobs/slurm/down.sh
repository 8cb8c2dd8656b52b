#!/bin/bash
# Stops what up.sh started, by its pid files, and unlinks the configuration.
RUN=${SLURM_HOME:?as for up.sh}/run
for name in slurmd slurmctld slurmdbd mysql/mariadbd munged; do
  [ -s "$RUN/$name.pid" ] || continue
  pid=$(cat "$RUN/$name.pid")
  kill "$pid" 2> /dev/null
  for _ in $(seq 100); do kill -0 "$pid" 2> /dev/null || break; sleep .1; done
done
for name in slurm gres cgroup slurmdbd; do rm -f "/etc/slurm/$name.conf"; done
