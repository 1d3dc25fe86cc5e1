#!/usr/bin/env bash
# A Slurm of one node, of this machine and this user alone: tests/slurm/up.sh FOLDER. FOLDER gets all that it writes; down.sh ends it.
#
# Needs Debian's slurm-wlm and munge (apt-get install --no-install-recommends slurm-wlm munge); needs no root, and touches neither
# /etc nor a Slurm or munge that runs already. Then: . FOLDER/environment
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
export PATH=$PATH:/usr/sbin SLURM_CONF=$folder/slurm.conf
for program in munged slurmctld slurmd sbatch; do
  command -v "$program" > /dev/null || { echo "$program: not here; apt-get install --no-install-recommends slurm-wlm munge" >&2; exit 2; }
done
here=$(hostname -s)
port=$((20000 + RANDOM % 10000))
mkdir -p "$folder"/{state,spool,bin}
chmod 755 "$folder"

# One card that is none, so that jobs may ask for it; CUDA sees nothing there, and trainings run on the processor.
echo "NodeName=$here Name=gpu File=/dev/zero" > "$folder/gres.conf"
cat > "$SLURM_CONF" << END
ClusterName=takd
SlurmctldHost=$here(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthInfo=socket=$folder/munge.socket
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
KillWait=5
JobRequeue=1
GresTypes=gpu
SchedulerParameters=sched_interval=2,batch_sched_delay=1
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
SlurmdSpoolDir=$folder/spool
StateSaveLocation=$folder/state
NodeName=$here NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$(awk '/MemTotal/ {print int($2 / 1024 * 0.9)}' /proc/meminfo) Gres=gpu:1
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END

# Snakemake's plugin drops SLURM_CONF before it calls srun within a job.
printf '#!/bin/sh\nSLURM_CONF=%q exec %q "$@"\n' "$SLURM_CONF" "$(command -v srun)" > "$folder/bin/srun"
chmod +x "$folder/bin/srun"
printf 'export SLURM_CONF=%q PATH=%q:$PATH\n' "$SLURM_CONF" "$folder/bin" > "$folder/environment"

head -c 128 /dev/urandom > "$folder/munge.key"
chmod 400 "$folder/munge.key"
munged --force --key-file="$folder/munge.key" --socket="$folder/munge.socket" --pid-file="$folder/munged.pid" \
  --log-file="$folder/munged.log" --seed-file="$folder/munged.seed"
slurmctld -c
slurmd
for _ in $(seq 30); do
  if [ "$(sinfo --noheader --format=%t 2> /dev/null)" = idle ]; then
    exit 0
  fi
  sleep 1
done
echo "Slurm didn't come up in 30 s; $folder/slurmctld.log and slurmd.log say why" >&2
exit 1
