#!/bin/sh
# A node of RabbitMQ in a folder of its own, for as long as somebody keeps the standard input open.
#
# Called with the folder, the program `rabbitmq-server`, and three ports: for clients, for the distribution of Erlang and for
# its port mapper. It prints the process id of the node. When the input ends, whatever the reason, the node is gone, and so is
# the folder, unless a line was said before.
set -eu
folder=$1 server=$2 port=$3 distribution=$4 mapper=$5

export HOME="$folder/home" ERL_EPMD_PORT="$mapper" ERL_EPMD_ADDRESS=127.0.0.1
export RABBITMQ_NODENAME="freehold-$port@localhost" RABBITMQ_DIST_PORT="$distribution"
export RABBITMQ_MNESIA_BASE="$folder/data" RABBITMQ_LOG_BASE="$folder/log" RABBITMQ_CONFIG_FILE="$folder/rabbitmq.conf"
export RABBITMQ_ENABLED_PLUGINS_FILE="$folder/plugins" RABBITMQ_CONF_ENV_FILE="$folder/no-environment"
# So that the script becomes the node, instead of waiting for it.
export RUNNING_UNDER_SYSTEMD=1
mkdir -p "$HOME"
# Where it would leave a dump if it crashed.
cd "$folder"

# The node would start one as a daemon, which outlives it.
epmd -port "$mapper" -address 127.0.0.1 >/dev/null 2>&1 </dev/null &
mapper_pid=$!
"$server" >"$folder/out" 2>&1 </dev/null &
node_pid=$!
echo "$node_pid"

keep=yes
read -r _ || keep=
kill -9 "$node_pid" "$mapper_pid" 2>/dev/null || true
wait
[ -n "$keep" ] || rm -rf "$folder"
