#!/usr/bin/env python3
"""What an agent costs a host: its CPU and memory with 20 replicas, beside prometheus-node-exporter that is
scraped once a second, in the same run.

  tests/bench/agent_cost.py [--replicas 20] [--seconds 30] [-o json]
"""
import argparse
import json
import os
import sys
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))
from harness import Cluster, Process, free_port, wait  # noqa: E402


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        values = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in f if line.startswith(("Rss:", "Pss:"))}
    return values["Rss"], values["Pss"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicas", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text")
    args = parser.parse_args()
    with Cluster("cost") as c:
        c.start(redis=False, edge=False)
        c.up({"web": {"image": "drover/example-web:1", "pull_policy": "never",
                      "deploy": {"resources": {"reservations": {"cpus": "0.01", "memory": "8M"}},
                                 # Scaled by CPU: the agent measures each replica, as it does where it earns its keep.
                                 "x-autoscale": {"min": args.replicas, "max": args.replicas + 1, "signals": [{"cpu": "60%"}]}}}})
        c.wait_service("web", 120, ready=args.replicas)
        port = free_port()
        exporter = Process("node-exporter", ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}"],
                           os.path.join(c.dir, "exporter.log")).start()
        c.processes.append(exporter)

        def scrape():
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                return len(answer.read())

        wait("the exporter answers", scrape)
        time.sleep(5)
        pids = {"drover-agent": c.agents[0].process.pid, "drover-controller": c.controller.pid, "node-exporter": exporter.pid}
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        begin = time.monotonic()
        while time.monotonic() - begin < args.seconds:
            scrape()
            time.sleep(1)
        seconds = time.monotonic() - begin
        result = {}
        for name, pid in pids.items():
            rss, pss = memory_mib(pid)
            result[name] = {"cpu_percent": round((cpu_seconds(pid) - before[name]) / seconds * 100, 2),
                            "rss_mib": round(rss, 1), "pss_mib": round(pss, 1)}
    if args.output == "json":
        print(json.dumps({"replicas": args.replicas, "seconds": round(seconds, 1), **result}))
    else:
        print(f"{args.replicas} replicas, {seconds:.0f} s")
        for name, row in result.items():
            print(f"{name:18} CPU {row['cpu_percent']:5.2f} %  RSS {row['rss_mib']:6.1f} MiB  PSS {row['pss_mib']:6.1f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
