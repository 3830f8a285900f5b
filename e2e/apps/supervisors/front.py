"""Asks the servers that do not speak HTTP."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg

import tasks

database = None


def celery():
    return tasks.counted.delay().get(timeout=20)


def postgres():
    """One connection, as a pool keeps it: its server process is the worker."""
    global database
    if database is None:
        database = psycopg.connect("host=postgres user=postgres dbname=postgres", autocommit=True)
        database.execute("CREATE TEMPORARY SEQUENCE counted")
    pid, count = database.execute("SELECT pg_backend_pid(), nextval('counted')").fetchone()
    return {"pid": pid, "count": count}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        ask = {"/celery/count": celery, "/postgres/count": postgres}.get(self.path, dict)
        try:
            status, body = 200, ask()
        except Exception as error:
            status, body = 500, {"error": repr(error)}
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
