"""Whom the HTTP clients ask: moto, which takes its time where a bucket's name says so, and a stream with pauses."""

import os
import re
import time

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, run_simple

moto = DomainDispatcherApplication(create_backend_app)


def app(environ, start):
    path = environ["PATH_INFO"]
    if stream := re.match(r"/stream/(\d+)", path):
        start("200 OK", [("Content-Type", "text/plain")])
        return parts(int(stream[1]))
    if slow := re.match(r"/slow-(\d+)", path):
        time.sleep(int(slow[1]))
    return moto(environ, start)


def parts(seconds):
    yield b"begun\n"
    time.sleep(seconds)
    yield b"ended\n"


WSGIRequestHandler.protocol_version = "HTTP/1.1"
run_simple("0.0.0.0", int(os.environ["PORT"]), app, threaded=True)
