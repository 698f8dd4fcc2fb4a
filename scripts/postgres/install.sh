#!/usr/bin/env bash
# PostgreSQL from the distribution's packages, where there is none and we may. Nothing is started.
set -euo pipefail
if [ -n "${DATABASE_URL:-}" ] || compgen -G "/usr/lib/postgresql/*/bin/postgres" >/dev/null; then
  exit 0
fi
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
  echo "postgres: not there, and not installed without root and apt-get; set DATABASE_URL" >&2
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# No cluster of the package's own: each test starts a server on a port of its own.
mkdir -p /etc/postgresql-common
grep -qs '^create_main_cluster' /etc/postgresql-common/createcluster.conf ||
  echo 'create_main_cluster = false' >>/etc/postgresql-common/createcluster.conf
apt-get install -y -qq --no-install-recommends postgresql >/dev/null
