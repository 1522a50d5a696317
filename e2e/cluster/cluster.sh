#!/usr/bin/env bash
# Starts and stops a Kubernetes test cluster on this machine. See README.md.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# Programs, made by "build" and kept for all clones that build them of the same sources.
hash=$(cd "$here" && cat Makefile go.mod go.sum node/go.* s3/go.* $(find cmd -type f | LC_ALL=C sort) | sha256sum | cut -c 1-16)
BIN=${BIN:-${XDG_CACHE_HOME:-$HOME/.cache}/goodstate/cluster/$hash}
STATE=${STATE:-$here/state}                 # everything that "up" writes
NAME=${NAME:-test}                          # cluster name
PORT=${PORT:-26400}                         # first of ten ports on 127.0.0.1
PARTS=${PARTS:-api}                         # api, sim, csi, node: see README.md
SIM_NODES=${SIM_NODES:-2}                   # simulated nodes of part sim
SIM_STAGES=${SIM_STAGES:-fast}              # fast: pods are ready at once; general: after some seconds
WAIT=${WAIT:-120}                           # longest wait for one step, seconds
KUBECONFIG_DIR=${KUBECONFIG_DIR:-$STATE/kubeconfig}
NODE=${NODE:-node-0}                        # name of the real node
BRIDGE=${BRIDGE:-gst0}                      # bridge of the pod network
POD_SUBNET=${POD_SUBNET:-10.244.7.0/24}     # pod network, on this machine only

etcd_port=$PORT; etcd_peer=$((PORT + 1)); api_port=$((PORT + 2)); kcm_port=$((PORT + 3))
sched_port=$((PORT + 4)); kubelet_port=$((PORT + 5)); kubelet_health=$((PORT + 6)); kwok_port=$((PORT + 7))
pki=$STATE/pki; logs=$STATE/log; pids=$STATE/pid
# Unix socket names have a length limit, so sockets live in a short folder.
run=/run/goodstate-$NAME

say() { printf '%s\n' "$*" >&2; }
die() { say "cluster: $*"; exit 1; }
has() { [[ ,$PARTS, == *,$1,* ]]; }
kubectl() { "$BIN/kube" kubectl --kubeconfig "$KUBECONFIG_DIR/admin.kubeconfig" "$@"; }

# start NAME COMMAND...: runs COMMAND in the background in its own session and
# keeps its process id and start time, so stop never hits another process.
start() {
  local name=$1; shift
  setsid "$@" >"$logs/$name.log" 2>&1 </dev/null &
  local pid=$!
  printf '%s %s\n' "$pid" "$(started "$pid")" >"$pids/$name"
}
started() { awk '{print $22}' "/proc/$1/stat" 2>/dev/null || true; }
alive() {
  local pid when
  [[ -f $pids/$1 ]] && read -r pid when <"$pids/$1" || return 1
  [[ -n $when && $(started "$pid") == "$when" ]]
}
stop() {
  local name=$1 pid n
  if alive "$name"; then
    read -r pid _ <"$pids/$name"
    kill -TERM "$pid" 2>/dev/null || true
    for ((n = 0; n < 100; n++)); do alive "$name" || break; sleep 0.1; done
    alive "$name" && kill -KILL "$pid" 2>/dev/null || true
  fi
  rm -f "$pids/$name"
}
# wait_for TEXT COMMAND...: repeats COMMAND until it succeeds.
wait_for() {
  local what=$1 end=$((SECONDS + WAIT)); shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || die "no $what within $WAIT s; see $logs"
    sleep 0.2
  done
}
timed() {
  local what=$1 t0 t1; shift
  t0=$(date +%s%N); "$@"; t1=$(date +%s%N)
  say "$(printf '%-22s %6d ms' "$what" $(((t1 - t0) / 1000000)))"
}

# What is complete is not built again: even a build of which all is cached links half a minute.
cmd_build() {
  local part=${1:-build}
  [[ -e $BIN/built-$part || -e $BIN/built-full ]] && return
  make -C "$here" BIN="$BIN" "$part"
  touch "$BIN/built-$part"
}

cmd_up() {
  [[ -x $BIN/kube && -x $BIN/kit ]] || die "no programs in $BIN; run: $0 build"
  mkdir -p "$STATE" "$logs" "$pids" "$run"
  alive apiserver && die "cluster $NAME already runs; run: $0 down"
  [[ -f $pki/ca.crt ]] || timed certificates "$BIN/kit" pki -dir "$pki" -kubeconfig-dir "$KUBECONFIG_DIR" \
    -server "127.0.0.1:$api_port" -cluster "$NAME" -node "$NODE"
  timed etcd up_etcd
  timed apiserver up_apiserver
  timed controller-manager up_controllers
  if has sim || has node; then timed scheduler up_scheduler; fi
  if has sim; then timed "simulated nodes" up_sim; fi
  if has csi; then timed "storage driver" up_csi; fi
  if has node; then timed "real node" up_node; fi
  say "KUBECONFIG=$KUBECONFIG_DIR/admin.kubeconfig"
}

etcd_tls() { printf -- '--cert-file=%s --key-file=%s --trusted-ca-file=%s --client-cert-auth' "$pki/etcd.crt" "$pki/etcd.key" "$pki/ca.crt"; }
up_etcd() {
  # shellcheck disable=SC2046
  start etcd "$BIN/kube" etcd --name "$NAME" --data-dir "$STATE/etcd" \
    --listen-client-urls "https://127.0.0.1:$etcd_port" --advertise-client-urls "https://127.0.0.1:$etcd_port" \
    --listen-peer-urls "http://127.0.0.1:$etcd_peer" --initial-advertise-peer-urls "http://127.0.0.1:$etcd_peer" \
    --initial-cluster "$NAME=http://127.0.0.1:$etcd_peer" $(etcd_tls) ${ETCD_ARGS:-}
  wait_for etcd grep -q 'ready to serve client' "$logs/etcd.log"
}
up_apiserver() {
  cat >"$STATE/audit-policy.yaml" <<'EOF'
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  verbs: [get, list, watch]
  users: ["system:kube-controller-manager", "system:kube-scheduler", "system:apiserver"]
- level: Metadata
EOF
  # shellcheck disable=SC2086
  start apiserver "$BIN/kube" kube-apiserver \
    --etcd-servers="https://127.0.0.1:$etcd_port" --etcd-cafile="$pki/ca.crt" \
    --etcd-certfile="$pki/apiserver-etcd.crt" --etcd-keyfile="$pki/apiserver-etcd.key" \
    --bind-address=127.0.0.1 --advertise-address=127.0.0.1 --secure-port="$api_port" --endpoint-reconciler-type=none \
    --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" --client-ca-file="$pki/ca.crt" \
    --kubelet-client-certificate="$pki/apiserver-kubelet.crt" --kubelet-client-key="$pki/apiserver-kubelet.key" \
    --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$pki/sa.key" \
    --service-account-signing-key-file="$pki/sa.key" --service-cluster-ip-range=10.96.0.0/16 \
    --kubelet-preferred-address-types=InternalIP --authorization-mode=Node,RBAC --allow-privileged=true \
    --audit-policy-file="$STATE/audit-policy.yaml" --audit-log-path="$logs/audit.log" --audit-log-maxsize=50 \
    ${APISERVER_ARGS:-}
  wait_for apiserver kubectl get --raw /readyz
}
up_controllers() {
  # shellcheck disable=SC2086
  start controller-manager "$BIN/kube" kube-controller-manager \
    --kubeconfig="$KUBECONFIG_DIR/controller-manager.kubeconfig" --leader-elect=false \
    --bind-address=127.0.0.1 --secure-port="$kcm_port" --use-service-account-credentials=true \
    --service-account-private-key-file="$pki/sa.key" --root-ca-file="$pki/ca.crt" ${KCM_ARGS:-}
  wait_for "default service account" kubectl -n default get serviceaccount default
}
up_scheduler() {
  start scheduler "$BIN/kube" kube-scheduler --kubeconfig="$KUBECONFIG_DIR/scheduler.kubeconfig" \
    --leader-elect=false --bind-address=127.0.0.1 --secure-port="$sched_port"
  wait_for scheduler curl -sfk "https://127.0.0.1:$sched_port/healthz"
}
up_sim() {
  # The stages (what a simulated kubelet does, and when) come with the kwok module.
  local stages f
  stages=$(cd "$here" && go list -m -f '{{.Dir}}' sigs.k8s.io/kwok)/kustomize/stage
  for f in "$stages"/node/fast/node-*.yaml "$stages"/node/heartbeat-with-lease/node-*.yaml "$stages/pod/$SIM_STAGES"/pod-*.yaml; do
    printf -- '---\n'
    cat "$f"
  done >"$STATE/kwok.yaml"
  start kwok "$BIN/kwok" --kubeconfig="$KUBECONFIG_DIR/admin.kubeconfig" --manage-all-nodes=false \
    --manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake --server-address="127.0.0.1:$kwok_port" \
    --node-lease-duration-seconds=40 --config="$STATE/kwok.yaml"
  local i
  for ((i = 0; i < SIM_NODES; i++)); do
    kubectl apply -f - >/dev/null <<EOF
apiVersion: v1
kind: Node
metadata:
  name: sim-$i
  annotations: {kwok.x-k8s.io/node: fake}
  labels: {type: kwok, kubernetes.io/hostname: sim-$i, kubernetes.io/os: linux, kubernetes.io/arch: amd64}
status:
  allocatable: {cpu: "32", memory: 256Gi, pods: "500"}
  capacity: {cpu: "32", memory: 256Gi, pods: "500"}
EOF
  done
  wait_for "ready simulated nodes" kubectl wait --for=condition=Ready node -l type=kwok --timeout=1s
}
up_csi() {
  local crds
  crds=$(cd "$here" && go list -m -f '{{.Dir}}' github.com/kubernetes-csi/external-snapshotter/client/v8)/config/crd
  local f
  for f in "$crds"/*.yaml; do
    if grep -q '^kind: CustomResourceDefinition' "$f"; then kubectl apply -f "$f" >/dev/null; fi
  done
  kubectl wait --for=condition=Established --timeout="${WAIT}s" >/dev/null \
    crd/volumesnapshots.snapshot.storage.k8s.io crd/volumesnapshotcontents.snapshot.storage.k8s.io \
    crd/volumesnapshotclasses.snapshot.storage.k8s.io crd/volumegroupsnapshots.groupsnapshot.storage.k8s.io
  kubectl apply -f "$here/storage.yaml" >/dev/null
  local reg=()
  if has node; then reg=(--registry "$STATE/kubelet/plugins_registry"); fi
  start testcsi "$BIN/testcsi" --kubeconfig "$KUBECONFIG_DIR/admin.kubeconfig" --root "${CSI_ROOT:-$STATE/csi}" \
    --socket "$run/csi.sock" --node "$NODE" "${reg[@]}"
  wait_for "storage driver" test -S "$run/csi.sock"
  start snapshot-controller "$BIN/snapshot-controller" --kubeconfig="$KUBECONFIG_DIR/admin.kubeconfig" \
    --leader-election=false
  start csi-snapshotter "$BIN/csi-snapshotter" --kubeconfig="$KUBECONFIG_DIR/admin.kubeconfig" --csi-address="$run/csi.sock" \
    --leader-election=false
}

up_node() {
  local node=$STATE/node r=$run/containerd.sock
  mkdir -p "$node/cni" "$STATE/kubelet" "$node/images"
  cat >"$node/containerd.toml" <<EOF
version = 3
root = "$node/containerd"
state = "$run/containerd"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
address = "$r"
[plugins."io.containerd.cri.v1.images"]
snapshotter = "overlayfs"
[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "goodstate.test/kit:1"
[plugins."io.containerd.cri.v1.runtime"]
# Without CAP_SYS_RESOURCE nothing may lower its oom_score_adj; runc would fail.
restrict_oom_score_adj = true
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
runtime_path = "$BIN/containerd-shim-runc-v2"
[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
BinaryName = "$RUNC"
SystemdCgroup = false
[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["$BIN/cni"]
conf_dir = "$node/cni"
EOF
  cat >"$node/cni/10-test.conflist" <<EOF
{"cniVersion": "1.0.0", "name": "goodstate-$NAME", "plugins": [
  {"type": "bridge", "bridge": "$BRIDGE", "isDefaultGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$node/cni-ipam", "ranges": [[{"subnet": "$POD_SUBNET"}]]}}]}
EOF
  start containerd "$BIN/containerd" --config "$node/containerd.toml"
  wait_for containerd "$BIN/ctr" --address "$r" version
  local image
  for image in "$BIN"/images/*.tar; do
    "$BIN/ctr" --address "$r" --namespace k8s.io images import "$image" >>"$logs/images.log" 2>&1
  done
  cat >"$STATE/kubelet.yaml" <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 127.0.0.1
port: $kubelet_port
healthzPort: $kubelet_health
readOnlyPort: 0
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: "$pki/ca.crt"}}
authorization: {mode: Webhook}
tlsCertFile: "$pki/kubelet-serving.crt"
tlsPrivateKeyFile: "$pki/kubelet-serving.key"
containerRuntimeEndpoint: "unix://$r"
cgroupDriver: cgroupfs
cgroupRoot: /goodstate-$NAME
cgroupsPerQOS: true
enforceNodeAllocatable: []
failCgroupV1: false
failSwapOn: false
makeIPTablesUtilChains: false
resolvConf: ""
clusterDomain: cluster.local
podLogsDir: "$STATE/podlogs"
volumePluginDir: "$STATE/kubelet/volumeplugins"
evictionHard: {memory.available: 100Mi, nodefs.available: "1%", imagefs.available: "1%"}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
nodeStatusUpdateFrequency: 5s
syncFrequency: 10s
serializeImagePulls: false
EOF
  for c in $(awk 'NR > 1 && $4 == 1 {print $1}' /proc/cgroups); do
    [[ -d /sys/fs/cgroup/$c ]] || continue
    mkdir -p "/sys/fs/cgroup/$c/goodstate-$NAME"
    if [[ $c == cpuset ]]; then
      for f in cpuset.cpus cpuset.mems; do
        [[ -s /sys/fs/cgroup/$c/goodstate-$NAME/$f && -n $(cat "/sys/fs/cgroup/$c/goodstate-$NAME/$f") ]] ||
          cat "/sys/fs/cgroup/$c/$f" >"/sys/fs/cgroup/$c/goodstate-$NAME/$f"
      done
    fi
  done
  if [[ -d /sys/fs/cgroup/systemd ]]; then mkdir -p "/sys/fs/cgroup/systemd/goodstate-$NAME"; fi
  if [[ -f /sys/fs/cgroup/cgroup.controllers ]]; then mkdir -p "/sys/fs/cgroup/goodstate-$NAME"; fi
  start kubelet "$BIN/kubelet" --kubeconfig="$KUBECONFIG_DIR/kubelet.kubeconfig" --config="$STATE/kubelet.yaml" \
    --root-dir="$STATE/kubelet" --cert-dir="$STATE/kubelet/pki" --hostname-override="$NODE" --cloud-provider=external
  # The kubelet refuses a loopback address for its node, and nothing of ours
  # should listen on another one. So it is told that a cloud controller gives
  # the address, and that controller is the two lines below.
  wait_for "node $NODE" kubectl get "node/$NODE"
  kubectl patch "node/$NODE" --subresource=status --type=merge >/dev/null -p \
    "{\"status\":{\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"127.0.0.1\"},{\"type\":\"Hostname\",\"address\":\"$NODE\"}]}}"
  kubectl taint node "$NODE" node.cloudprovider.kubernetes.io/uninitialized- >/dev/null 2>&1 || true
  wait_for "ready node $NODE" kubectl wait --for=condition=Ready "node/$NODE" --timeout=1s
}

cmd_down() {
  local p
  if [[ -f $pids/kubelet ]] && alive apiserver; then
    # Without a scheduler the pods that controllers make again get no node.
    stop scheduler
    kubectl delete pods --all-namespaces --field-selector "spec.nodeName=$NODE" --grace-period=2 --timeout=30s >/dev/null 2>&1 || true
  fi
  for p in kubelet csi-snapshotter snapshot-controller testcsi kwok scheduler controller-manager apiserver etcd; do stop "$p"; done
  if [[ -f $pids/containerd ]]; then down_containers; fi
  stop containerd
  # Mounts below our own state only, deepest first.
  awk -v s="$STATE/" -v r="$run/" 'index($5, s) == 1 || index($5, r) == 1 {print $5}' /proc/self/mountinfo |
    sort -r | while read -r m; do umount "$m" 2>/dev/null || umount -l "$m" || true; done
  if [[ -d $STATE/node ]]; then ip link delete "$BRIDGE" 2>/dev/null || true; fi
  find /sys/fs/cgroup -depth -type d -path "*/goodstate-$NAME*" -exec rmdir {} \; 2>/dev/null || true
  rm -rf "$run"
  if [[ ${1:-} == --purge ]]; then
    [[ -f $pki/ca.crt || ! -e $STATE ]] || die "$STATE does not look like a state folder; not removed"
    if command -v btrfs >/dev/null && [[ -d $STATE/csi/data ]]; then
      for p in "$STATE"/csi/data/*; do btrfs subvolume delete "$p" >/dev/null 2>&1 || true; done
    fi
    rm -rf --one-file-system "$STATE"
  fi
}
down_containers() {
  local c r=$run/containerd.sock ctr
  ctr=("$BIN/ctr" --address "$r" --namespace k8s.io --timeout 10s)
  for c in $("${ctr[@]}" tasks list -q 2>/dev/null); do "${ctr[@]}" tasks kill -s KILL "$c" 2>/dev/null || true; done
  sleep 0.5
  for c in $("${ctr[@]}" tasks list -q 2>/dev/null); do "${ctr[@]}" tasks delete -f "$c" >/dev/null 2>&1 || true; done
  for c in $("${ctr[@]}" containers list -q 2>/dev/null); do "${ctr[@]}" containers delete "$c" >/dev/null 2>&1 || true; done
}

cmd_status() {
  local f n pid rss
  for f in "$pids"/*; do
    [[ -f $f ]] || continue
    n=$(basename "$f")
    read -r pid _ <"$f"
    if alive "$n"; then
      rss=$(awk '/^VmRSS/ {print int($2 / 1024)}' "/proc/$pid/status")
      printf '%-20s running  pid %-7s rss %4d MiB\n' "$n" "$pid" "$rss"
    else
      printf '%-20s stopped\n' "$n"
    fi
  done
  if alive apiserver; then kubectl get nodes; fi
}

cmd_env() { printf 'export KUBECONFIG=%q PATH=%q:$PATH\n' "$KUBECONFIG_DIR/admin.kubeconfig" "$BIN"; }

# cmd_kill PART / cmd_start PART: failure tests end and restart one part.
cmd_kill() { local pid; alive "$1" || die "$1 does not run"; read -r pid _ <"$pids/$1"; kill -KILL "$pid"; }
cmd_start() {
  case $1 in
    etcd) up_etcd ;; apiserver) up_apiserver ;; controller-manager) up_controllers ;;
    scheduler) up_scheduler ;; *) die "$1 cannot be started alone" ;;
  esac
}

RUNC=${RUNC:-$( [[ -x $BIN/runc ]] && echo "$BIN/runc" || command -v runc || true)}
verb=${1:-help}; shift || true
case $verb in
  build | up | down | status | env | kill | start) "cmd_$verb" "$@" ;;
  kubectl) kubectl "$@" ;;
  *) say "usage: cluster.sh build [api|sim|csi|etcd|node|s3|full] | up | down [--purge] | status | env | kubectl ... | kill PART | start PART"; exit 2 ;;
esac
