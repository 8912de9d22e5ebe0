#!/usr/bin/env python3
"""Is the promise kept as the simulator predicts? The example queue worker under `max_wait`, live, against `drover simulate`.

  tests/bench/promise.py [--trace FILE] [--compress 4] [--from-second 0] [--seconds 240] [--peak 7] [--seed 1] [-o json]

A slice of a trace, `--compress` times as fast and thinned so that its busiest minute asks for `--peak` replicas, is
pushed into Redis job by job: instants and lengths are the simulator's own draws for `--seed`. A job's wait is from its
push to its taking, late is more than 5 s. Then the simulator replays the same jobs with the same declaration, the
start-up times that this run had, and a queue that tells its length alone, as a Redis list does; other seeds show how far
chance goes. Goal: live and predicted share of late jobs at most 3 points apart. Exit code 1 when missed.
"""
import argparse
import csv
import json
import math
import os
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))
from harness import ROOT, Cluster, run, wait, BIN  # noqa: E402
from reaction import percentile, unix  # noqa: E402

PROMISE_S = 5
JOB_S = 1.0
MIN, MAX = 1, 10  # as in the quickstart
APART = 3.0       # points
OTHER_SEEDS = 8


class Splitmix:
    """The simulator's generator (docs/internals/simulator.md)."""

    def __init__(self, seed):
        self.state = seed

    def uniform(self):
        mask = (1 << 64) - 1
        self.state = (self.state + 0x9E3779B97F4A7C15) & mask
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return ((z ^ (z >> 31)) >> 11) / (1 << 53)


def read_trace(path):
    """Counts a bin, and the bin's length in seconds."""
    with open(path) as f:
        rows = [(int(r[0]), int(r[1])) for r in csv.reader(f) if r and r[0].isdigit()]
    return [count for _, count in rows], rows[1][0] - rows[0][0]


def slice_of(counts, bin_s, args):
    """Counts a second of the run: the slice, faster, thinned evenly."""
    first = int(args.from_second / bin_s)
    load = [0.0] * args.seconds
    for i, count in enumerate(counts[first:]):
        at = i * bin_s / args.compress
        parts = max(1, round(bin_s / args.compress))
        for part in range(parts):
            if int(at + part) < args.seconds:
                load[int(at + part)] += count / parts
    window = 15  # seconds of which the busiest counts as the peak
    peak = max(sum(load[i:i + window]) / window for i in range(len(load) - window + 1)) * JOB_S
    thin, owed, out = args.peak / peak, 0.0, []
    for count in load:
        owed += count * thin
        out.append(int(owed))
        owed -= int(owed)
    return out


def jobs_of(counts, seed):
    """(second, length in seconds) of every job, as the simulator draws them."""
    positions, lengths = Splitmix(3 * seed + 1), Splitmix(3 * seed + 2)
    arrivals = [second + p for second, count in enumerate(counts) for p in sorted(positions.uniform() for _ in range(count))]
    return [(at, -math.log(1 - lengths.uniform()) * JOB_S) for at in arrivals]


class Producer:
    """Pushes each job at its time, over one connection."""

    def __init__(self, port, jobs):
        self.jobs, self.pushed = jobs, []
        self.redis = socket.create_connection(("127.0.0.1", port))
        self.redis.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.thread = threading.Thread(target=self.work)

    def work(self):
        begin = time.monotonic() + 0.5
        for number, (at, length) in enumerate(self.jobs):
            time.sleep(max(0.0, begin + at - time.monotonic()))
            words = ["LPUSH", "jobs", f"{number} {round(length * 1000)}"]
            self.pushed.append(time.time())
            self.redis.sendall((f"*{len(words)}\r\n" + "".join(f"${len(w)}\r\n{w}\r\n" for w in words)).encode())
            if not self.redis.recv(64).startswith(b":"):
                raise RuntimeError("Redis refused a job")
        self.redis.close()


def live_waits(c, jobs):
    """Seconds that each job waited in the queue."""
    producer = Producer(c.redis.port, jobs)
    producer.thread.start()
    producer.thread.join()
    wait("all jobs are taken", lambda: int(c.redis.cli("HLEN", "jobs:taken")) == len(jobs), 120, 0.5)
    words = c.redis.cli("--raw", "HGETALL", "jobs:taken").splitlines()
    taken = {int(job.split()[0]): int(at) / 1e9 for job, at in zip(words[::2], words[1::2])}
    return [taken[number] - pushed for number, pushed in enumerate(producer.pushed)]


def startups(c):
    """Seconds from placed to ready, of each replica that the run started."""
    placed, ready = {}, {}
    for event in c.events():
        kind = {"ReplicaPlaced": placed, "ReplicaReady": ready}.get(event.get("reason"))
        if kind is not None:
            kind.setdefault(event.get("replicaId"), unix(event["at"]))
    return sorted(ready[r] - placed[r] for r in ready if r in placed)


def service(c):
    """The quickstart's thumbnailer, with a promise instead of a depth."""
    spec = c.worker(minimum=MIN, maximum=MAX)
    spec["environment"]["READY_PORT"] = "9000"
    spec["deploy"]["x-ready"] = {"tcp": 9000}
    spec["deploy"]["x-autoscale"] = {"min": MIN, "max": MAX, "signals": [{"queue": "thumbs", "max_wait": f"{PROMISE_S}s"}]}
    return spec


def predictions(c, counts, spec, startup, seeds):
    """late_percent by seed."""
    trace, policy = os.path.join(c.dir, "slice.csv"), os.path.join(c.dir, "policy.yaml")
    with open(trace, "w") as f:
        f.write("t_seconds,arrivals\n" + "".join(f"{i},{n}\n" for i, n in enumerate(counts)))
    with open(policy, "w") as f:
        json.dump(spec["deploy"]["x-autoscale"], f)
    out = run(os.path.join(BIN, "drover"), "simulate", "--trace", trace, "--service-time", JOB_S, "--slo", PROMISE_S, "--policy", policy,
              "--startup", f"{startup[0]:.3f}:{startup[-1]:.3f}", "--queue-tells", "waiting", "--seed", ",".join(map(str, seeds)), "-o", "json")
    return {row["seed"]: row["late_percent"] for row in json.loads(out.stdout)}


def measure(args):
    counts = slice_of(*read_trace(args.trace), args)
    jobs = jobs_of(counts, args.seed)
    with Cluster("promise") as c:
        c.start(edge=False)
        spec = service(c)
        c.up({"thumbnailer": spec}, **{"x-queues": c.queue()})
        c.wait_service("thumbnailer", desired=MIN, ready=MIN)
        waits = live_waits(c, jobs)
        times = startups(c)
        late = predictions(c, counts, spec, times, range(args.seed, args.seed + 1 + OTHER_SEEDS))
        if os.environ.get("DROVER_E2E_KEEP"):
            with open("/var/tmp/drover-promise.json", "w") as f:
                json.dump({"counts": counts, "waits": waits, "startups": times, "events": c.events()}, f)
    live = 100 * sum(w > PROMISE_S for w in waits) / len(waits)
    others = [late[s] for s in late if s != args.seed]
    return {"trace": os.path.basename(args.trace), "jobs": len(jobs), "live_late_percent": round(live, 2),
            "predicted_late_percent": round(late[args.seed], 2), "other_seeds_late_percent": [round(min(others), 2), round(max(others), 2)],
            "live_wait_p50_s": round(percentile(waits, 0.5), 3), "live_wait_p99_s": round(percentile(waits, 0.99), 3),
            "starts": len(times), "startup_s": [round(times[0], 2), round(percentile(times, 0.5), 2), round(times[-1], 2)],
            "met": abs(live - late[args.seed]) <= APART}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trace", default=os.path.join(ROOT, "tests/traces/own_onoff.csv"))
    parser.add_argument("--compress", type=float, default=4)
    parser.add_argument("--from-second", type=float, default=0)
    parser.add_argument("--seconds", type=int, default=240)
    parser.add_argument("--peak", type=float, default=7)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text")
    args = parser.parse_args()
    row = measure(args)
    if args.output == "json":
        print(json.dumps(row))
    else:
        print("\n".join(f"{key:26} {value}" for key, value in row.items()))
    sys.exit(0 if row["met"] else 1)


if __name__ == "__main__":
    main()
