import os

from lockstep import Line

topic = f"order/{os.environ['ORDER']}"
line = Line(os.environ["SHOP"], key=os.environ["KEY"])
line.follow(topic)
for frame in line:
    if frame["type"] == "error":
        raise SystemExit(f"{topic}: {frame['code']}")
    print(frame["version"], frame["type"], line.states[topic]["status"], flush=True)
    line.shown(frame["position"])
