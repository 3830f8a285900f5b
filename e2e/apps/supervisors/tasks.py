"""A worker of Celery that counts in its process's memory."""

import os

from celery import Celery

app = Celery(broker="redis://redis:6379/0", backend="redis://redis:6379/1")
app.conf.broker_connection_retry_on_startup = True
count = 0


@app.task
def counted():
    global count
    count += 1
    return {"pid": os.getpid(), "count": count}
