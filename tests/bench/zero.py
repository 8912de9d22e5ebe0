#!/usr/bin/env python3
"""From zero: from the first of many requests at once until the first answer, and what the time goes to.

  tests/bench/zero.py [--rounds 50] [--requests 100] [--per-replica 25] [-o json]

Each round: a service at zero behind the agent's HAProxy, no container, then all requests at the same moment, each on a
connection of its own, by a client that never retries. Points in time, counted from the first request:
  decided      the agent was told by HAProxy and told the controller, which decided (its event)
  created      Docker made the first replica's container
  started      Docker started its process
  ready        the controller knows it as ready (its event)
  in_rotation  it takes requests in HAProxy (its runtime socket, read every 2 ms)
  answered     the first answer is complete
  all          the last one
The image is present; the container is always a new one. Goal: every request answered, and the median of `answered` at
most 1.5 s. Exit code 1 when missed.
"""
import argparse
import json
import os
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))
from haproxy import SHOW_SERVERS, ask, servers, stats_socket  # noqa: E402
from harness import Cluster, E2eTest, Requests, run, wait  # noqa: E402
from reaction import percentile, unix  # noqa: E402

PARTS = ("decided", "created", "started", "ready", "in_rotation", "answered", "all")


class Rotation:
    """Notes when HAProxy first has a server that takes requests; seconds since 1970."""

    def __init__(self, path):
        self.path, self.at, self.over = path, None, False
        self.thread = threading.Thread(target=self.look)
        self.thread.start()

    def look(self):
        while self.at is None and not self.over:
            if any(row["status"].startswith("UP") or row["status"] == "no check" for row in servers(ask(self.path, SHOW_SERVERS)).values()):
                self.at = time.time()
            time.sleep(0.002)

    def end(self):
        self.over = True
        self.thread.join()
        return self.at


def first_ready(c, since):
    """The event of the first replica that became ready after the event `since`."""
    return next((e for e in sorted(c.events(), key=lambda e: int(e["id"]))
                 if int(e["id"]) > since and e.get("reason") == "ReplicaReady"), None)


def one_round(c, count):
    """Seconds from the first request to each of PARTS, and `failed`: what was not answered."""
    c.at_rest()
    last = max([int(e["id"]) for e in c.events()] or [0])
    rotation = Rotation(stats_socket(c.agents[0]))
    time.sleep(0.2)
    began = time.time()
    requests = Requests(c.web_port, count).join()
    in_rotation = rotation.end()
    ready = wait("a replica is ready", lambda: first_ready(c, last))
    replica = next(r for r in c.replicas("web") if r["id"] == ready["replicaId"])
    created, started = run("docker", "inspect", "-f", "{{.Created}} {{.State.StartedAt}}", replica["containerId"]).stdout.split()
    decided = min(unix(e["at"]) for e in c.events() if int(e["id"]) > last and e.get("type") == "decision" and " 0 → " in e["message"])
    points = {"decided": decided, "created": unix(created), "started": unix(started), "ready": unix(ready["at"]),
              "in_rotation": in_rotation or time.time()}
    return {**{name: at - began for name, at in points.items()}, "answered": min(requests.ended), "all": max(requests.ended),
            "failed": requests.failed}


def measure(args):
    rows = []
    with Cluster("fromzero") as c:
        c.start(redis=False)
        c.up({"web": c.web_at_zero(idle="1s", per_replica=args.per_replica)})
        wait("the service has come", lambda: c.edge_reloads() == 1)
        for _ in range(args.rounds):
            rows.append(one_round(c, args.requests))
            if args.output == "text":
                print("  ".join(f"{part} {rows[-1][part] * 1000:.0f} ms" for part in PARTS), flush=True)
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--requests", type=int, default=100)
    parser.add_argument("--per-replica", type=int, default=25, help="requests that one replica shall have in hand")
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text")
    args = parser.parse_args()
    try:
        E2eTest.setUpClass()
    except unittest.SkipTest as reason:
        print(f"skipped: {reason}")
        return 77
    rows = measure(args)
    summary = {part: {"median_s": round(percentile([r[part] for r in rows], 0.5), 3),
                      "p99_s": round(percentile([r[part] for r in rows], 0.99), 3)} for part in PARTS}
    failed = [f for r in rows for f in r["failed"]]
    met = not failed and summary["answered"]["median_s"] <= 1.5
    if args.output == "json":
        print(json.dumps({"rounds": len(rows), "requests": args.requests * len(rows), "failed": len(failed), **summary, "met": met}))
    else:
        for part, values in summary.items():
            print(f"{part:12}" + "  ".join(f"{k} {v:.3f}" for k, v in values.items()))
        print(f"{args.requests * len(rows)} requests, {len(failed)} failed {failed[:3] or ''}")
        print("goal (0 failed, answered: median 1.5 s): " + ("met" if met else "MISSED"))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
