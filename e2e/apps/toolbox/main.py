"""An app that misbehaves on request, and remembers what it was told."""

import asyncio
import http.client
import json
import os
import socket
import ssl
import time
import urllib.request

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse

app = FastAPI()
notes: list[str] = []
ballast: list[bytearray] = []
kept: dict[str, http.client.HTTPConnection] = {}


@app.get("/health")
async def health():
    return {"ok": True}


@app.get("/whoami")
async def whoami():
    return {"uid": os.getuid(), "pid": os.getpid(), "host": socket.gethostname(), "boot": BOOT}


BOOT = os.urandom(8).hex()


@app.post("/notes")
async def note(text: str):
    notes.append(text)
    return notes


@app.get("/notes")
async def read_notes():
    return notes


@app.get("/slow")
async def slow(seconds: float):
    await asyncio.sleep(seconds)
    return {"slept": seconds}


@app.get("/block")
def block_forever(seconds: float = 1e9):
    """Runs in the thread pool; the loop stays free."""
    time.sleep(seconds)
    return {}


@app.get("/hang")
async def hang(seconds: float = 1e9):
    """Blocks the event loop, so that no probe is answered either."""
    time.sleep(seconds)
    return {"hung": seconds}


@app.post("/eat")
async def eat(megabytes: int):
    for _ in range(megabytes):
        ballast.append(bytearray(os.urandom(1 << 20)))
    return {"held": len(ballast)}


@app.post("/fork-bomb")
def fork_bomb(tries: int = 5000):
    children = []
    error = None
    for _ in range(tries):
        try:
            pid = os.fork()
        except OSError as e:
            error = str(e)
            break
        if pid == 0:
            time.sleep(20)
            os._exit(0)
        children.append(pid)
    for pid in children:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    return {"forked": len(children), "error": error}


@app.post("/exit")
async def leave(code: int):
    os._exit(code)


@app.get("/reach")
def reach(host: str, port: int, timeout: float = 2.0):
    """What a TCP connection to that address comes to."""
    try:
        with socket.create_connection((host, port), timeout=timeout):
            return {"result": "open"}
    except TimeoutError:
        return {"result": "timeout"}
    except OSError as e:
        return {"result": type(e).__name__, "detail": str(e)}


@app.get("/stream")
async def stream(parts: int = 3, pause: float = 0.2):
    async def body():
        for i in range(parts):
            yield f"data: {i}\n\n"
            await asyncio.sleep(pause)

    return StreamingResponse(body(), media_type="text/event-stream")


@app.websocket("/ws")
async def ws(socket: WebSocket):
    await socket.accept()
    said = 0
    try:
        while True:
            text = await socket.receive_text()
            said += 1
            await socket.send_text(f"{said}:{text}")
    except WebSocketDisconnect:
        pass


@app.get("/trust")
def trust():
    """How many certificates each variable leads to by which programs find a bundle."""
    found = {}
    for name, path in os.environ.items():
        if name == "SSL_CERT_FILE" or name.endswith(("_CA_BUNDLE", "_CA_CERTS")):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(path)
            found[name] = len(context.get_ca_certs())
    return found


@app.get("/address")
def address():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Connecting a datagram socket sends nothing; it only picks the source address.
        probe.connect(("192.0.2.1", 9))
        return {"address": probe.getsockname()[0]}


@app.get("/fetch")
def fetch(url: str):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return {"status": answer.status, "body": answer.read().decode()}


@app.get("/ask")
def ask(host: str, port: int):
    """Asks a neighbour who it is, over a connection that is kept."""
    connection = kept.setdefault(host, http.client.HTTPConnection(host, port, timeout=60))
    connection.request("GET", "/whoami")
    return json.load(connection.getresponse())


@app.websocket("/ws/work")
async def work(socket: WebSocket, seconds: float):
    """Works on each message for a while before it answers."""
    await socket.accept()
    try:
        while True:
            await socket.receive_text()
            await asyncio.sleep(seconds)
            await socket.send_text(f"worked {BOOT}")
    except WebSocketDisconnect:
        pass


@app.websocket("/ws/late")
async def late(socket: WebSocket, pause: float, work: float = 0):
    """Says a word at once, and another after a pause, and perhaps some work."""
    await socket.accept()
    try:
        while True:
            await socket.receive_text()
            await socket.send_text("begun")
            await asyncio.sleep(pause)
            until = time.process_time() + work
            while time.process_time() < until:
                await asyncio.sleep(0)
            await socket.send_text(f"done {BOOT}")
    except WebSocketDisconnect:
        pass


@app.websocket("/ws/relay")
async def relay(socket: WebSocket):
    """Says at once that it has begun, as pages do, and passes on what a neighbour answers, line by line."""
    await socket.accept()
    try:
        while True:
            host, port, path = (await socket.receive_text()).split(" ")
            await socket.send_text("started")
            answers, questions = await asyncio.open_connection(host, int(port))
            questions.write(f"GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
            while line := await answers.readline():
                if line.startswith((b"data:", b"{")):
                    await socket.send_text(line.decode().strip())
            await socket.send_text("ended")
            questions.close()
    except WebSocketDisconnect:
        pass


@app.websocket("/ws/tick")
async def tick(socket: WebSocket, pause: float):
    """Says something all the time, asked or not."""
    await socket.accept()
    try:
        while True:
            await socket.send_text("tick")
            await asyncio.sleep(pause)
    except (WebSocketDisconnect, RuntimeError):
        pass


@app.get("/comments")
async def comments():
    async def body():
        while True:
            yield ": nothing new\n\n"
            await asyncio.sleep(0.5)

    return StreamingResponse(body(), media_type="text/event-stream")
