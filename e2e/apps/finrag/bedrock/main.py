"""Bedrock's Converse API as far as its wire format goes: it refuses a request whose shape is wrong, and remembers."""

import json
import re
import struct
import zlib

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

app = FastAPI()
seen: list[str] = []
problems: list[str] = []

USAGE = {"inputTokens": 1200, "outputTokens": 60, "totalTokens": 1260}


def wrong(request: Request, body: dict) -> str | None:
    """What is wrong with a request, if anything is."""
    if not request.headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 Credential="):
        return "not signed with Signature Version 4"
    if "/bedrock/aws4_request" not in request.headers["authorization"]:
        return "signed for another service"
    if not request.headers.get("content-type", "").startswith("application/json"):
        return "the content type is not JSON"
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or messages[0].get("role") != "user":
        return "the first message is not the user's"
    if any(set(part) != {"text"} for message in messages for part in message["content"]):
        return "a part of a message is not text"
    if not all(isinstance(part.get("text"), str) for part in body.get("system", [{}])):
        return "the system prompt is not a list of texts"
    tokens = body.get("inferenceConfig", {}).get("maxTokens")
    if not isinstance(tokens, int) or tokens < 1:
        return "inferenceConfig.maxTokens is not a positive integer"
    unknown = set(body) - {"messages", "system", "inferenceConfig", "additionalModelRequestFields"}
    return f"unknown members: {unknown}" if unknown else None


def answer(body: dict) -> str:
    """Cites what it was given under the first two numbers it finds."""
    text = " ".join(part["text"] for message in body["messages"] for part in message["content"])
    numbers = list(dict.fromkeys(re.findall(r"\[(\d+)\]", text)))[:2]
    cited = " ".join(f"[{n}]" for n in numbers)
    return f"The stub has read the filings {cited}. This is its whole answer."


async def checked(request: Request):
    body = json.loads(await request.body())
    problem = wrong(request, body)
    if problem:
        problems.append(problem)
        headers = {"x-amzn-errortype": "ValidationException"}
        return None, JSONResponse({"message": problem}, status_code=400, headers=headers)
    seen.append(request.url.path)
    return body, None


@app.post("/model/{model}/converse")
async def converse(model: str, request: Request):
    body, refused = await checked(request)
    return refused or {
        "output": {"message": {"role": "assistant", "content": [{"text": answer(body)}]}},
        "stopReason": "end_turn",
        "usage": USAGE,
        "metrics": {"latencyMs": 12},
    }


def frame(event: str, payload: dict) -> bytes:
    """One message of the encoding `application/vnd.amazon.eventstream`."""
    headers = b""
    for name, value in [(":event-type", event), (":content-type", "application/json"), (":message-type", "event")]:
        headers += struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
    data = json.dumps(payload).encode()
    prelude = struct.pack("!II", 16 + len(headers) + len(data), len(headers))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + data
    return message + struct.pack("!I", zlib.crc32(message))


@app.post("/model/{model}/converse-stream")
async def converse_stream(model: str, request: Request):
    body, refused = await checked(request)
    if refused:
        return refused
    words = re.findall(r"\S+\s*", answer(body))
    frames = [frame("messageStart", {"role": "assistant"})]
    frames += [frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": word}}) for word in words]
    frames += [
        frame("contentBlockStop", {"contentBlockIndex": 0}),
        frame("messageStop", {"stopReason": "end_turn"}),
        frame("metadata", {"usage": USAGE, "metrics": {"latencyMs": 12}}),
    ]
    return Response(b"".join(frames), media_type="application/vnd.amazon.eventstream")


@app.get("/seen")
def what_was_seen():
    return {"seen": seen, "problems": problems}


@app.get("/health")
def health():
    return {"ok": True}
