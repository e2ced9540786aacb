#!/usr/bin/env python3
"""Make the mongod on a port of this machine a replica set of one member, and wait until it accepts writes.

    mongo-initiate.py PORT [SECONDS]    initiate if needed, wait for a writable primary (60 s by default)
    mongo-initiate.py --check PORT      check only: status 0 if it is a writable primary

Speaks MongoDB's wire protocol (OP_MSG) itself, because the server comes without a shell and a driver would have to be
installed.
"""

import socket
import struct
import sys
import time

OP_MSG = 2013
SET_NAME = "rs0"
ALREADY_INITIALIZED = 23


def encode(document):
    """A dict as BSON; only the types the two commands need."""
    body = b""
    for key, value in document.items():
        name = key.encode() + b"\0"
        if isinstance(value, int):
            body += b"\x10" + name + struct.pack("<i", value)
        elif isinstance(value, str):
            text = value.encode() + b"\0"
            body += b"\x02" + name + struct.pack("<i", len(text)) + text
        elif isinstance(value, dict):
            body += b"\x03" + name + encode(value)
        else:
            body += b"\x04" + name + encode({str(i): item for i, item in enumerate(value)})
    return struct.pack("<i", len(body) + 5) + body + b"\0"


# Kinds of fixed size: double, ObjectId, bool, date, null, int32, timestamp, int64.
FIXED = {1: ("<d", 8), 7: (None, 12), 8: ("<?", 1), 9: (None, 8), 10: (None, 0), 16: ("<i", 4), 17: (None, 8), 18: ("<q", 8)}


def decode(data):
    """The top level of a BSON document as a dict; values of unused kinds are None."""
    result, at = {}, 4
    while data[at]:
        kind = data[at]
        end = data.index(b"\0", at + 1)
        key, at = data[at + 1 : end].decode(), end + 1
        value = None
        if kind in FIXED:
            form, size = FIXED[kind]
            if form:
                (value,) = struct.unpack_from(form, data, at)
        else:
            (length,) = struct.unpack_from("<i", data, at)
            if kind == 2:
                size, value = 4 + length, data[at + 4 : at + 3 + length].decode()
            elif kind in (3, 4):
                size = length
            elif kind == 5:
                size = 5 + length
            else:
                raise ValueError(f"BSON kind {kind} in {key}")
        result[key] = value
        at += size
    return result


def receive(connection, count):
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise ConnectionError("the server closed the connection")
        data += part
    return data


def command(port, document):
    """One command on the admin database over a connection of its own."""
    body = struct.pack("<iB", 0, 0) + encode({**document, "$db": "admin"})
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(struct.pack("<iiii", 16 + len(body), 1, 0, OP_MSG) + body)
        (length,) = struct.unpack("<i", receive(connection, 4))
        reply = receive(connection, length - 4)
    return decode(reply[12 + 5 :])


def is_primary(hello):
    return hello.get("isWritablePrimary") is True and hello.get("setName") == SET_NAME


def initiate(port, seconds):
    deadline = time.monotonic() + seconds
    problem = "no answer"
    while time.monotonic() < deadline:
        try:
            hello = command(port, {"hello": 1})
            if is_primary(hello):
                return None
            problem = "it is not a writable primary"
            if "setName" not in hello:
                member = {"_id": 0, "host": f"127.0.0.1:{port}"}
                reply = command(port, {"replSetInitiate": {"_id": SET_NAME, "members": [member]}})
                if reply.get("ok") != 1 and reply.get("code") != ALREADY_INITIALIZED:
                    problem = f"replSetInitiate: {reply.get('errmsg')}"
        except OSError as error:
            problem = str(error)
        time.sleep(0.1)
    return problem


def main(arguments):
    if arguments[:1] == ["--check"] and len(arguments) == 2:
        try:
            return 0 if is_primary(command(int(arguments[1]), {"hello": 1})) else 1
        except OSError:
            return 1
    if len(arguments) not in (1, 2):
        print(__doc__, file=sys.stderr)
        return 2
    seconds = float(arguments[1]) if len(arguments) == 2 else 60.0
    problem = initiate(int(arguments[0]), seconds)
    if problem:
        print(f"mongo-initiate: port {arguments[0]} after {seconds:g} s: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
