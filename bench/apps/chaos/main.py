"""Answers HTTP, echoes WebSocket messages, and calls the service named in CALLS all the time, counting what comes of it."""

import asyncio
import base64
import hashlib
import json
import os
import time

PORT = int(os.environ["PORT"])
CALLS = os.environ.get("CALLS")
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
counted = {"sent": 0, "worst_ms": 0, "failed": []}


async def once(host):
    """One call on a connection of its own; what failed, or None."""
    try:
        reader, writer = await asyncio.open_connection(host, PORT)
    except ConnectionRefusedError:
        return "refused"
    except OSError as error:
        return f"not connected: {error}"
    try:
        writer.write(b"GET / HTTP/1.1\r\nhost: other\r\nconnection: close\r\n\r\n")
        answer = await reader.read()
        return None if answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"ok\n") else "cut"
    except OSError:
        return "cut"
    finally:
        writer.close()


async def call(host):
    while True:
        begin = time.time()
        try:
            why = await asyncio.wait_for(once(host), 30)
        except TimeoutError:
            why = "timeout"
        end = time.time()
        counted["sent"] += 1
        counted["worst_ms"] = max(counted["worst_ms"], round((end - begin) * 1000))
        if why:
            counted["failed"].append([why, begin, end])
        await asyncio.sleep(0.005)


async def echo(reader, writer, key):
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    head = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    writer.write(head + b"sec-websocket-accept: " + accept + b"\r\n\r\n")
    while True:
        head = await reader.readexactly(2)
        size = head[1] & 0x7F
        mask = await reader.readexactly(4)
        text = bytes(b ^ mask[i % 4] for i, b in enumerate(await reader.readexactly(size)))
        writer.write(bytes([head[0], size]) + text)
        await writer.drain()


async def serve(reader, writer):
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            lines = [line.split(b": ", 1) for line in head.split(b"\r\n")[1:] if b": " in line]
            headers = {name.lower(): value for name, value in lines}
            if b"sec-websocket-key" in headers:
                await echo(reader, writer, headers[b"sec-websocket-key"])
            body = json.dumps(counted).encode() if head.startswith(b"GET /counted ") else b"ok\n"
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()
            if headers.get(b"connection") == b"close":
                break
    except (asyncio.IncompleteReadError, OSError):
        pass
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "0.0.0.0", PORT, backlog=1024)
    callers = [asyncio.create_task(call(CALLS)) for _ in range(4 if CALLS else 0)]
    await asyncio.gather(server.serve_forever(), *callers)


asyncio.run(main())
