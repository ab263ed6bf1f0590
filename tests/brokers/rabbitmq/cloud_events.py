"""Reads a queue as a service that knows nothing of this crate would, and says what it has found.

Called with the server's port, the queue and how many messages there are. Each message must be a CloudEvent of version 1.0 in
binary mode, as the binding for AMQP has it: attributes among the headers, strings after a prefix, the media type and the data
where AMQP has them. The package `cloudevents` checks what it was read from; then its attributes and its data are printed, a line
of JSON for each. Otherwise the program fails.
"""

import json
import re
import sys

import pika
from cloudevents.core.bindings.http import HTTPMessage, from_binary_event

WAIT_SECONDS = 30
PREFIX = "cloudEvents_"
REQUIRED = ("specversion", "id", "source", "type", "time")
# As RFC 3339 has it. The parser of the package takes more than that.
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
NAME = re.compile(r"[a-z0-9]{1,20}")


def encoded(text):
    """As the binding for HTTP, by which the package reads, has it for headers."""
    return "".join(
        char if "!" <= char <= "~" and char not in '"%' else "".join(f"%{byte:02X}" for byte in char.encode())
        for char in text
    )


def read(properties, body):
    """The attributes and the data of a message."""
    headers = properties.headers or {}
    attributes = {name[len(PREFIX) :]: value for name, value in headers.items() if name.startswith(PREFIX)}
    missing = [name for name in REQUIRED if not attributes.get(name)]
    if missing:
        raise ValueError(f"{missing} missing in {headers}")
    if attributes["specversion"] != "1.0":
        raise ValueError(f"version {attributes['specversion']}")
    if not properties.content_type:
        raise ValueError("no media type")
    if properties.delivery_mode != 2:
        raise ValueError("it is not kept on the disk")
    for name, value in attributes.items():
        if not NAME.fullmatch(name) or not isinstance(value, str):
            raise ValueError(f"{name} is no name of an attribute, or {value} no text")
        if name in ("time", "expirytime") and not TIME.fullmatch(value):
            raise ValueError(f"{name} is {value}")
    as_http = {f"ce-{name}": encoded(value) for name, value in attributes.items()}
    as_http["content-type"] = properties.content_type
    event = from_binary_event(HTTPMessage(headers=as_http, body=body))
    found = {name: str(value) for name, value in event.get_attributes().items()}
    own = {name: value for name, value in headers.items() if not name.startswith(PREFIX)}
    return {"attributes": found, "data": event.get_data(), "own": own, "time": attributes["time"]}


def main(port, queue, count):
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", port))
    messages = connection.channel().consume(queue, inactivity_timeout=WAIT_SECONDS)
    # In this order: the other one would wait for a message that does not come.
    for _, (method, properties, body) in zip(range(count), messages):
        if method is None:
            raise TimeoutError("there come no more messages")
        print(json.dumps(read(properties, body)))
    connection.close()


main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
