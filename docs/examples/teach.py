"""Teach a running brain from a program: python teach.py CONTROL_ADDRESS CLASS SECONDS."""

import sys

import msgspec
import zmq

address, gesture, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
with zmq.Context() as context, context.socket(zmq.REQ) as brain:
    brain.connect(address)
    for request in (
        {"command": "target", "class": gesture, "seconds": seconds},
        {"command": "status"},
    ):
        brain.send(msgspec.json.encode(request))
        print(brain.recv().decode())  # noqa: T201 - what it is for
