#!/bin/sh
# PostgreSQL as its own user: it refuses to be root.
set -e
bin=$(echo /usr/lib/postgresql/*/bin)
as_postgres() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }
install -d -o postgres -g postgres /run/postgresql /var/lib/postgresql/data
as_postgres "$bin/initdb" -D /var/lib/postgresql/data --auth=trust >/dev/null
echo "host all all all trust" >>/var/lib/postgresql/data/pg_hba.conf
exec setpriv --reuid=postgres --regid=postgres --clear-groups "$bin/postgres" -D /var/lib/postgresql/data -c "listen_addresses=*"
