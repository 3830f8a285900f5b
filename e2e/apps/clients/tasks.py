"""A worker of Celery that takes its time."""

import time

from celery import Celery

app = Celery(broker="redis://redis:6379/0", backend="redis://redis:6379/1")
app.conf.broker_connection_retry_on_startup = True


@app.task
def slow(seconds):
    time.sleep(seconds)
    return "slept"
