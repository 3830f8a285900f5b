"""A backend with a memory: a loaded table, a count of its visitors' sessions, and one of what it was asked."""

import csv
import io
import time
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException

# Mean monthly temperature in degrees Celsius, 1991-2020 normals, rounded.
CLIMATE = """city,jan,apr,jul,oct
Athens,10,16,30,20
Berlin,1,10,20,10
Cairo,14,22,29,24
Helsinki,-3,5,18,7
Lisbon,12,15,23,18
Oslo,-3,6,18,7
"""

state = {"started": 0.0, "sessions": 0, "queries": 0, "table": {}}


@asynccontextmanager
async def lifespan(_: FastAPI):
    state["started"] = time.time()
    for row in csv.DictReader(io.StringIO(CLIMATE)):
        city = row.pop("city")
        state["table"][city] = {month: int(value) for month, value in row.items()}
    yield


app = FastAPI(title="Climate", lifespan=lifespan)


@app.get("/health")
async def health():
    return {"status": "ok", "rows": len(state["table"])}


@app.post("/sessions")
async def new_session():
    state["sessions"] += 1
    return {"session": state["sessions"]}


@app.get("/cities")
async def cities():
    return sorted(state["table"])


@app.get("/climate/{city}")
async def climate(city: str):
    if city not in state["table"]:
        raise HTTPException(404, f"{city} is not in the table")
    state["queries"] += 1
    return {"city": city, "months": state["table"][city], "queries_so_far": state["queries"]}


@app.get("/stats")
async def stats():
    return {"sessions": state["sessions"], "queries": state["queries"], "started": state["started"]}
