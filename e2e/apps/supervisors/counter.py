"""An app that counts in its worker's memory, for every kind of Python server."""

import json
import os

count = 0


def answer(path):
    global count
    if path != "/count":
        return b"{}"
    count += 1
    return json.dumps({"pid": os.getpid(), "count": count}).encode()


def wsgi(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/json")])
    return [answer(environ["PATH_INFO"])]


async def asgi(scope, receive, send):
    if scope["type"] != "http":
        return
    body = answer(scope["path"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})
