"""Calls others by their usual clients: `/begin/CLIENT?SECONDS` begins a call that takes so long and answers at once,
`/result` tells what came of it, and `/quick/CLIENT` makes one that is answered at once over the connections that are kept."""

import asyncio
import json

import aiohttp
import boto3
import httpx
import psycopg_pool
import redis
import tasks

PEER = "http://peer:5000"
kept = {}
result = None


def once(make):
    """A client that is made when it is first used, and kept."""
    if make not in kept:
        kept[make] = make()
    return kept[make]


def s3():
    return boto3.client(
        "s3",
        endpoint_url=PEER,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )


def pool():
    return psycopg_pool.ConnectionPool("host=postgres user=postgres dbname=postgres", min_size=2, open=True)


def queue():
    return redis.Redis("redis", socket_timeout=None)


def browser():
    return httpx.AsyncClient(timeout=60)


def path(seconds):
    return f"{PEER}/slow-{seconds}" if seconds else f"{PEER}/moto-api/data.json"


async def by_httpx(seconds):
    return (await once(browser).get(path(seconds))).status_code


async def by_httpx_stream(seconds):
    async with once(browser).stream("GET", f"{PEER}/stream/{seconds}") as answer:
        return [part async for part in answer.aiter_lines()][-1]


async def by_aiohttp(seconds):
    async with once(aiohttp.ClientSession).get(path(seconds)) as answer:
        await answer.read()
        return answer.status


async def by_aiohttp_stream(seconds):
    async with once(aiohttp.ClientSession).get(f"{PEER}/stream/{seconds}") as answer:
        return [part.decode().strip() async for part in answer.content][-1]


def by_boto3(seconds):
    if seconds:
        try:
            once(s3).list_objects_v2(Bucket=f"slow-{seconds}")
        except once(s3).exceptions.NoSuchBucket:
            return "no such bucket"
    return len(once(s3).list_buckets()["Buckets"])


def by_psycopg(seconds):
    with once(pool).connection() as connection:
        return connection.execute("SELECT pg_sleep(%s), 7", (seconds,)).fetchone()[1]


def by_redis(seconds):
    if not seconds:
        return once(queue).ping()
    return once(queue).blpop(["nothing"], timeout=seconds)


def by_celery(seconds):
    return tasks.slow.delay(seconds).get(timeout=60)


async def call(client, seconds):
    does = globals()[f"by_{client}"]
    if asyncio.iscoroutinefunction(does):
        return await does(seconds)
    return await asyncio.to_thread(does, seconds)


async def begin(client, seconds):
    global result
    try:
        result = repr(await call(client, seconds))
    except Exception as error:
        result = f"error: {error!r}"


async def app(scope, receive, send):
    global result
    if scope["type"] != "http":
        return
    status, (what, _, client) = 200, scope["path"][1:].partition("/")
    match what:
        case "begin":
            result = None
            kept["task"] = asyncio.create_task(begin(client, int(scope["query_string"])))
            answer = ""
        case "quick":
            try:
                answer = repr(await call(client, 0))
            except Exception as error:
                status, answer = 500, repr(error)
        case _:
            answer = result
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": json.dumps(answer).encode()})
