"""Reads a stream as a service that knows nothing of this crate would, and says what it has found.

Called with the server's address, the stream's subjects and how many messages there are. Each message must be a CloudEvent of
version 1.0 in binary mode, as the package `cloudevents` reads it; then its attributes and its data are printed, a line of JSON
for each. Otherwise the program fails.
"""

import asyncio
import json
import re
import sys

import nats
from cloudevents.core.bindings.http import HTTPMessage, from_binary_event

WAIT_SECONDS = 30
REQUIRED = ("ce-specversion", "ce-id", "ce-source", "ce-type", "ce-time", "content-type")
# As RFC 3339 has it. The parser of the package takes more than that.
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
EXTENSION = re.compile(r"[a-z0-9]{1,20}")


def read(message):
    """The attributes and the data of a message."""
    headers = {name.lower(): value for name, value in (message.headers or {}).items()}
    missing = [name for name in REQUIRED if not headers.get(name)]
    if missing:
        raise ValueError(f"{missing} missing in {headers}")
    if headers["ce-specversion"] != "1.0":
        raise ValueError(f"version {headers['ce-specversion']}")
    for name in ("ce-time", "ce-expirytime"):
        if name in headers and not TIME.fullmatch(headers[name]):
            raise ValueError(f"{name} is {headers[name]}")
    for name in headers:
        if name.startswith("ce-") and not EXTENSION.fullmatch(name[3:]):
            raise ValueError(f"{name} is no name of an attribute")
    event = from_binary_event(HTTPMessage(headers=headers, body=message.data))
    attributes = {name: str(value) for name, value in event.get_attributes().items()}
    own = {
        name: value
        for name, value in headers.items()
        if name != "content-type" and not name.startswith(("ce-", "nats-"))
    }
    return {"attributes": attributes, "data": event.get_data(), "own": own, "time": headers["ce-time"]}


async def main(server, subjects, count):
    client = await nats.connect(server)
    subscription = await client.jetstream().subscribe(subjects, ordered_consumer=True)
    for _ in range(count):
        message = await subscription.next_msg(timeout=WAIT_SECONDS)
        print(json.dumps(read(message)))
    await client.close()


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
