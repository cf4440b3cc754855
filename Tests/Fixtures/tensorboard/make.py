"""Makes events.bin: what TensorBoard's own writer makes of the events in EventFileTests.

    python -m venv /tmp/tensorboard && /tmp/tensorboard/bin/pip install tensorboard==2.21.0
    /tmp/tensorboard/bin/python make.py [--check]
"""

import io
import pathlib
import sys

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

TIME = 1_700_000_000.25


def scalars(step, values):
    value = [Summary.Value(tag=tag, simple_value=number) for tag, number in values]
    return Event(wall_time=TIME, step=step, summary=Summary(value=value))


EVENTS = [
    Event(wall_time=TIME, file_version="brain.Event:2"),
    Event(wall_time=TIME, step=301, session_log=SessionLog(status=SessionLog.START)),
    scalars(301, [("train/loss", 0.8431883576773361), ("zero", 0.0)]),
    scalars(2**40, [(f"größe/{number}", -(1.5**number)) for number in range(40)]),
    scalars(302, []),
]

file = io.BytesIO()
writer = RecordWriter(file)
for event in EVENTS:
    writer.write(event.SerializeToString())
path = pathlib.Path(__file__).with_name("events.bin")
if "--check" in sys.argv:
    assert path.read_bytes() == file.getvalue(), f"{path} is not what this script makes"
    print(f"{path.name}: as the script makes it")
else:
    path.write_bytes(file.getvalue())
