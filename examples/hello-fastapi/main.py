"""The smallest app: one file, one requirements.txt, no manifest."""

from fastapi import FastAPI

app = FastAPI()
visits = 0


@app.get("/")
async def hello():
    global visits
    visits += 1
    return {"hello": "world", "visits": visits}
