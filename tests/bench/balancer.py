#!/usr/bin/env python3
"""Nothing is lost while replicas come and go behind the load balancer.

  tests/bench/balancer.py [--replacements 1000] [--turns 50] [--rate 1100] [--behind haproxy ...] [-o json]

Real containers behind the agent's own HAProxy, its own nginx, and an nginx in front of that HAProxy, under a mixed load over kept connections: short requests, requests
that take 100 ms, uploads of 100 KB. The client is strict: anything but a whole 200 is a failure, and nothing is sent
twice.
  replaced   every replica is replaced again and again by new revisions, start-first
  stopped    the same count halved and doubled by hand: replicas leave and others come (HAProxy)
  turns      to zero and back: requests that come at zero wait for the first replica (HAProxy)
Goal: 0 failed, and no reload of the balancer; nginx alone, which reloads for every change, is shown beside them
(docs/balancers.md). Exit code 1 when missed.
"""
import argparse
import json
import math
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))
from harness import Cluster, E2eTest, Requests, wait  # noqa: E402

REPLICAS = 10
BALANCERS = ["haproxy", "nginx", "nginx+haproxy"]


class MixedLoad:
    """Ends when stopped."""

    def __init__(self, c, rate):
        self.loads = [c.http_load("/", rate * 0.85, 100_000, 24), c.http_load("/sleep?ms=100", rate * 0.1, 100_000, 32),
                      c.http_load("/", rate * 0.05, 100_000, 8, post=100_000)]
        self.began = time.monotonic()

    def stop(self):
        took = time.monotonic() - self.began
        results = [load.stop() for load in self.loads]
        failures = {}
        for result in results:
            for why, count in result["failures"].items():
                failures[why] = failures.get(why, 0) + count
        requests = sum(r["requests"] for r in results)
        return {"requests": requests, "failed": sum(r["failed"] for r in results), "failures": failures,
                "rate": round(requests / took), "p99_ms": max(r["p99_ms"] for r in results)}


def web(c, version, replicas):
    service = c.web(cpus="0.05", VERSION=version)
    service["ports"] = [{"target": 8000, "published": str(c.web_port), "app_protocol": "http"}]
    del service["deploy"]["x-autoscale"]
    service["deploy"].update(replicas=replicas,
                             update_config={"order": "start-first", "parallelism": 5, "monitor": "0s"})
    return service


def under_load(c, rate, change):
    """What the load saw while `change` ran, and how often the balancer was reloaded."""
    reloads, began, load = c.edge_reloads(), time.monotonic(), MixedLoad(c, rate)
    time.sleep(1)
    count = change()
    time.sleep(1)
    return {"count": count, "seconds": round(time.monotonic() - began, 1), **load.stop(), "reloads": c.edge_reloads() - reloads}


def replaced(c, rate, replacements):
    def change():
        rounds = math.ceil(replacements / REPLICAS)
        for version in range(1, rounds + 1):
            c.up({"web": web(c, version, REPLICAS)})
            c.wait_service("web", 120, ready=REPLICAS, draining=0)
        return rounds * REPLICAS

    return under_load(c, rate, change)


def stopped(c, rate, replacements):
    def change():
        done = 0
        while done < replacements:
            for replicas in (REPLICAS // 2, REPLICAS):
                c.drover("scale", f"{c.stack}/web={replicas}")
                c.wait_service("web", 60, ready=replicas, draining=0)
            done += REPLICAS // 2
        return done

    return under_load(c, rate, change)


def turns(count):
    failed, waits = [], []
    with Cluster("turns") as c:
        c.start(redis=False)
        c.up({"web": c.web_at_zero(idle="1s")})
        wait("the service has come", lambda: c.edge_reloads() == 1)
        for _ in range(count):
            c.at_rest()
            requests = Requests(c.web_port, 10).join()
            failed += requests.failed
            waits.append(min(requests.ended))
        waits.sort()
        return {"count": count, "requests": 10 * count, "failed": len(failed), "failures": [str(f) for f in failed[:5]],
                "first_answer_median_s": round(waits[len(waits) // 2], 3), "first_answer_max_s": round(waits[-1], 3),
                "reloads": c.edge_reloads() - 1}


def behind(balancer, args):
    results = {}
    with Cluster("balance") as c:
        c.start(redis=False, edge="nginx" if balancer == "nginx" else "haproxy")
        c.up({"web": web(c, 0, REPLICAS)})
        c.wait_service("web", 60, ready=REPLICAS)
        if balancer == "nginx+haproxy":
            c.put_nginx_in_front()
        c.wait_web()
        results[f"{balancer} replaced"] = replaced(c, args.rate, args.replacements)
        if balancer == "haproxy":
            results["haproxy stopped"] = stopped(c, args.rate, math.ceil(args.replacements / 10))
    if balancer == "haproxy":
        results["haproxy turns"] = turns(args.turns)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replacements", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=50)
    parser.add_argument("--rate", type=float, default=1100, help="requests a second in all")
    parser.add_argument("--behind", nargs="+", choices=BALANCERS, default=BALANCERS)
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text")
    args = parser.parse_args()
    try:
        E2eTest.setUpClass()
    except unittest.SkipTest as reason:
        print(f"skipped: {reason}")
        return 77
    results = {}
    for balancer in args.behind:
        results.update(behind(balancer, args))
    met = all(r["failed"] == 0 and r["reloads"] == 0 for name, r in results.items() if not name.startswith("nginx "))
    if args.output == "json":
        print(json.dumps({**results, "met": met}))
    else:
        for name, result in results.items():
            print(f"{name:24}" + "  ".join(f"{k} {v}" for k, v in result.items()), flush=True)
        print("goal (0 failed, 0 reloads): " + ("met" if met else "MISSED"))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
