#!/bin/sh
# Whether the load balancer of this host takes connections on a port: check-edge.sh PORT [ADDRESS]
# It sends nothing: a request would wake a service that is at zero, and be kept waiting.
exec timeout 1 bash -c 'exec 3<>"/dev/tcp/$1/$0"' "$1" "${2:-127.0.0.1}" 2>/dev/null
