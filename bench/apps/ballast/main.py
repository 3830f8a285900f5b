"""Holds 200 MB that no compressor can shrink, and answers with a word of it."""

import os

from fastapi import FastAPI

app = FastAPI()
BALLAST = [os.urandom(1 << 20) for _ in range(200)]


@app.get("/")
async def word():
    return {"held": len(BALLAST), "word": BALLAST[17][:4].hex()}
