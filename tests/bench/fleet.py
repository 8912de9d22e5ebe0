#!/usr/bin/env python3
"""What a report costs the controller, beside the least that gRPC can do: drover-fleet against a real
controller and against drover-bare-sink, both at the same time, so that what else the machine does slows both.

  tests/bench/fleet.py [--agents 2000] [--seconds 30] [--replicas 20] [-o json]

The controller has a stack with agents x replicas replicas, so that every report is about replicas that it
knows. Goal: at most 1.5 times the sink's CPU per report. Exit code 1 when missed.
"""
import argparse
import concurrent.futures
import json
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))
from harness import BIN, Cluster, Failure, Process, run, wait  # noqa: E402


WARMUP = 25  # seconds: the controller has placed all replicas by then


def fleet(args, address, pid):
    done = run(os.path.join(BIN, "drover-fleet"), "--controller", address, "--agents", args.agents, "--seconds", args.seconds,
               "--replicas", args.replicas, "--ramp", 10, "--warmup", WARMUP, "--server-pid", pid, timeout=600, check=False)
    if not done.stdout.strip():
        raise Failure(f"drover-fleet: {done.stderr}")
    result = json.loads(done.stdout)
    if done.returncode != 0:
        raise Failure(f"not every agent was served: {result} {done.stderr}")
    return result


def against_sink(args, c):
    sink = Process("sink", [os.path.join(BIN, "drover-bare-sink")], os.path.join(c.dir, "sink.log")).start()
    c.processes.append(sink)
    port = wait("the sink listens", lambda: int(sink.tail().split()[2]))
    return fleet(args, f"127.0.0.1:{port}", sink.pid)


def against_controller(args, c):
    c.start_controller()
    outcome = {}

    def apply():
        # Resolving the image needs an agent that answers; the fleet's do.
        wait("the fleet is there", lambda: len(c.api("/v1/nodes", 30).get("nodes", [])) >= args.agents, 60, every=1)
        outcome["up"] = c.up({"web": {"image": "fleet:1", "pull_policy": "never", "deploy": {
            "replicas": args.agents * args.replicas, "resources": {"reservations": {"cpus": "0.1", "memory": "16M"}}}}},
            wait_for=False, check=False)

    applying = threading.Thread(target=apply)
    applying.start()
    result = fleet(args, c.grpc_for_agents, c.controller.pid)
    applying.join()
    if outcome["up"].returncode != 0:
        raise Failure(f"drover up: {outcome['up'].stderr}")
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=2000)
    parser.add_argument("--replicas", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text")
    args = parser.parse_args()
    with Cluster("fleet") as c, concurrent.futures.ThreadPoolExecutor() as both:
        runs = {"sink": both.submit(against_sink, args, c), "controller": both.submit(against_controller, args, c)}
        rows = {name: one.result() for name, one in runs.items()}
    ratio = rows["controller"]["server_cpu_us_per_report"] / rows["sink"]["server_cpu_us_per_report"]
    if args.output == "json":
        print(json.dumps({"ratio": round(ratio, 2), **rows}))
    else:
        for name, row in rows.items():
            print(f"{name:10} {row['server_cpu_us_per_report']:6.1f} us CPU per report, {row['rate']:.0f} reports/s, "
                  f"{row['server_rss_kib'] / 1024:.0f} MiB, {row['assigned']} replicas assigned")
        print(f"ratio      {ratio:.2f} (goal: at most 1.5)")
    return 0 if ratio <= 1.5 else 1


if __name__ == "__main__":
    sys.exit(main())
