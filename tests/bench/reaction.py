#!/usr/bin/env python3
"""Reaction: from the push of a burst into an idle queue to the first job that a *new* replica takes.

  tests/bench/reaction.py [--runs 30] [-o json]

Each run: one idle worker, then a burst; the time ends when a worker that did
not exist at the push takes a job. The parts, from the replica's own notes and the controller's view:
  decided   push -> the controller's decision (its event)
  started   push -> the new worker's main()
  taken     push -> its first job
Goal: median of `taken` at most 1.0 s, p99 at most 2 s, image present. Exit code 1 when missed.
"""
import argparse
import datetime
import json
import math
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))
from harness import Cluster, wait  # noqa: E402


def percentile(values, q):
    ranked = sorted(values)
    return ranked[max(math.ceil(q * len(ranked)), 1) - 1]


def unix(timestamp):
    """Seconds since 1970 of protobuf's JSON form (RFC 3339 with up to nine digits)."""
    head, _, rest = timestamp.rstrip("Z").partition(".")
    whole = datetime.datetime.fromisoformat(head).replace(tzinfo=datetime.timezone.utc).timestamp()
    return whole + (float("0." + rest) if rest else 0.0)


def one_run(c, number):
    c.wait_service("thumbnailer", 60, desired=1, ready=1, draining=0)
    wait("one container", lambda: len(c.containers("thumbnailer")) == 1)
    c.redis.cli("DEL", "jobs:first")
    last = max([int(e["id"]) for e in c.events()] or [0])
    # Late enough after the scale-down that nothing of the former run is still going on.
    time.sleep(1 + number % 10 * 0.1)
    pushed = c.redis.push(40, prefix=f"run{number}-", job_ms=200)["started_ns"] / 1e9

    def first():
        lines = [line.strip('"').split() for line in c.redis.cli("--raw", "LRANGE", "jobs:first", "0", "-1").splitlines()]
        new = [(int(taken) / 1e9, int(started) / 1e9) for _, started, taken in lines if int(started) / 1e9 > pushed]
        return min(new) if new else None

    taken, started = wait("a new replica takes a job", first, 30)
    decided = [unix(e["at"]) for e in c.events() if int(e["id"]) > last and e.get("type") == "decision" and " 1 → " in e.get("message", "")]
    wait("all jobs are done", lambda: c.redis.jobs()["waiting"] + c.redis.jobs()["held"] == 0, 60)
    return {"decided": min(decided) - pushed if decided else None, "started": started - pushed, "taken": taken - pushed}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text")
    args = parser.parse_args()
    rows = []
    with Cluster("react") as c:
        c.start(edge=False)
        c.up({"thumbnailer": c.worker(minimum=1, maximum=5, per_replica=10, down="1s")}, **{"x-queues": c.queue()})
        for number in range(args.runs):
            rows.append(one_run(c, number))
            if args.output == "text":
                print("  ".join(f"{k} {'-' if v is None else f'{v * 1000:.0f} ms'}" for k, v in rows[-1].items()), flush=True)
    summary = {}
    for part in ("decided", "started", "taken"):
        values = [r[part] for r in rows if r[part] is not None]
        if values:
            summary[part] = {"median_s": round(percentile(values, 0.5), 3), "p99_s": round(percentile(values, 0.99), 3), "max_s": round(max(values), 3)}
    met = summary["taken"]["median_s"] <= 1.0 and summary["taken"]["p99_s"] <= 2.0
    if args.output == "json":
        print(json.dumps({"runs": len(rows), **summary, "met": met}))
    else:
        for part, values in summary.items():
            print(f"{part:8} " + "  ".join(f"{k} {v:.3f}" for k, v in values.items()))
        print("goal (taken: median 1.0 s, p99 2 s): " + ("met" if met else "MISSED"))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
