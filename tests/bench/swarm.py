#!/usr/bin/env python3
"""Drover and Docker Swarm side by side: what clients lose, and how long it takes, when a service shrinks and when its
replicas are replaced. One host of tests/lab, the same image, the same HAProxy program, the same load, one after the other.

  tests/bench/swarm.py [--rounds 3] [--rate 500] [--who swarm,swarm-lame,drover] [-o json]

Swarm runs as its users run it behind a HAProxy: DNS round robin, HAProxy in the service's network follows the names
(tests/lab/haproxy.cfg: resolved every second, replicas checked every 500 ms, a failed connect tried at another one).
  swarm        the application ends at SIGTERM when what it has in hand is done
  swarm-lame   it goes on accepting for 3 s after SIGTERM while its health check fails, so that HAProxy can notice: what
               an application can do about it by itself
  drover       as in `swarm`
Each round: 10 to 3 replicas and back, then all 10 replaced, start-first, two at a time. Counted by clients that never
retry (short requests, of 100 ms, uploads of 100 KB): what failed; timed: from the command until only the containers
wanted run. Goal: Drover loses none. Exit code 1 when it does.
"""
import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))
from balancer import MixedLoad  # noqa: E402
from harness import ROOT, Cluster, E2eTest, HttpLoad, Lab, Process, wait  # noqa: E402

MANY, FEW, AT_ONCE = 10, 3, 2
IMAGE = "drover/example-web:1"


def wait_containers(of, count, but=()):
    """Until `count` containers of the service run, none of `but` among them; the seconds it took."""
    began = time.monotonic()
    wait(f"{count} containers", lambda: (ids := of.containers()) and len(ids) == count and not ids & set(but), 180, 0.1)
    return time.monotonic() - began


class Swarm:
    """A Swarm of one host with the service `web`, and HAProxy within its network."""

    def __init__(self, lab, folder, lame_ms):
        self.lab, self.folder, self.version, self.lame_ms = lab, folder, 0, lame_ms
        self.processes = []

    def docker(self, *args, **kwargs):
        return self.lab.run("docker", 1, *args, **kwargs).stdout.strip()

    def start(self):
        if self.docker("info", "-f", "{{.Swarm.LocalNodeState}}") != "active":
            self.docker("swarm", "init", "--advertise-addr", self.lab.addr(1))
            self.docker("network", "create", "-d", "overlay", "--attachable", "edge")
        self.docker("service", "create", "--detach", "--name", "web", "--no-resolve-image", "--network", "edge", "--endpoint-mode", "dnsrr",
                    "--replicas", MANY, "--env", f"LAME_MS={self.lame_ms}", "--stop-grace-period", "30s", "--update-order", "start-first",
                    "--update-parallelism", AT_ONCE, "--update-delay", "0s", "--update-monitor", "1s", IMAGE)
        self.docker("run", "-d", "--name", "anchor", "--network", "edge", IMAGE)
        self.netns = ["nsenter", "-t", self.docker("inspect", "-f", "{{.State.Pid}}", "anchor"), "-n"]
        wait_containers(self, MANY)
        config = os.path.join(self.folder, "haproxy.cfg")
        with open(os.path.join(ROOT, "tests/lab/haproxy.cfg")) as f, open(config, "w") as out:
            out.write(f.read().replace("web:80", "web:8000"))
        self.processes.append(Process("haproxy", [*self.netns, "haproxy", "-f", config], os.path.join(self.folder, "haproxy.log")).start())
        time.sleep(5)  # until names are resolved and checked
        return self

    def stop(self):
        for process in self.processes:
            process.stop()
        self.docker("service", "rm", "web", check=False)
        self.docker("rm", "-fv", "anchor", check=False)
        wait("Swarm's containers are gone", lambda: not self.containers(), 60)

    def containers(self):
        return set(self.docker("ps", "-q", "--filter", "label=com.docker.swarm.service.name=web").split())

    def http_load(self, path, rate, seconds, connections=16, post=0):
        load = HttpLoad(self.folder, f"http://127.0.0.1:8002{path}", rate, seconds, connections, post, self.netns)
        self.processes.append(load.process)
        return load

    def scale(self, count):
        self.docker("service", "scale", "--detach", f"web={count}")

    def replace(self):
        self.version += 1
        self.docker("service", "update", "--detach", "--no-resolve-image", "--env-add", f"VERSION={self.version}", "web")


class Drover:
    """The same service on the same host, under Drover."""

    def __init__(self, lab, cluster):
        self.lab, self.c, self.version = lab, cluster, 0

    def start(self):
        self.c.controller_config["tls"] = "off"
        self.c.start_controller()
        self.agent = self.c.start_agent("host1", host=1, tls="off", advertise_address=self.lab.addr(1))
        self.c.up({"web": self.service()})
        wait_containers(self, MANY)
        time.sleep(5)
        return self

    def stop(self):
        self.c.drover("down", self.c.stack, check=False)

    def service(self):
        return {"image": IMAGE, "pull_policy": "never", "stop_grace_period": "30s", "environment": {"VERSION": str(self.version)},
                "ports": [{"target": 8000, "published": str(self.c.web_port), "app_protocol": "http"}],
                "deploy": {"replicas": MANY, "x-ready": {"http": ":8000/healthz"},
                           "resources": {"reservations": {"cpus": "0.05", "memory": "16M"}},
                           "update_config": {"order": "start-first", "parallelism": AT_ONCE, "monitor": "1s"}}}

    def containers(self):
        return {row["id"] for row in self.c.containers("web", agent=self.agent)}

    def http_load(self, path, rate, seconds, connections=16, post=0):
        load = HttpLoad(self.c.dir, f"http://{self.lab.addr(1)}:{self.c.web_port}{path}", rate, seconds, connections, post)
        self.c.processes.append(load.process)
        return load

    def scale(self, count):
        self.c.drover("scale", f"{self.c.stack}/web={count}")

    def replace(self):
        self.version += 1
        self.c.up({"web": self.service()}, wait_for=False)


def under_load(of, rate, change):
    load = MixedLoad(of, rate)
    time.sleep(2)
    seconds = change()
    time.sleep(3)  # what is lost afterwards is lost too
    return {"seconds": round(seconds, 1), **load.stop()}


def shrink(of):
    of.scale(FEW)
    return wait_containers(of, FEW)


def replace_all(of):
    before = of.containers()
    of.replace()
    return wait_containers(of, MANY, but=before)


def rounds(of, args):
    results = {"10 to 3": [], "replaced": []}
    for _ in range(args.rounds):
        results["10 to 3"].append(under_load(of, args.rate, lambda: shrink(of)))
        of.scale(MANY)
        wait_containers(of, MANY)
        time.sleep(3)
        results["replaced"].append(under_load(of, args.rate, lambda: replace_all(of)))
        time.sleep(3)
    return {name: together(rows) for name, rows in results.items()}


def together(rows):
    failures = {}
    for row in rows:
        for why, count in row["failures"].items():
            failures[why] = failures.get(why, 0) + count
    return {"requests": sum(r["requests"] for r in rows), "failed": sum(r["failed"] for r in rows),
            "seconds": [r["seconds"] for r in rows], "p99_ms": max(r["p99_ms"] for r in rows), "failures": failures}


def measure(args):
    results = {}
    with Lab(1) as lab, tempfile.TemporaryDirectory() as folder:
        lab.load_examples()
        for name in args.who.split(","):
            if name == "drover":
                with Cluster("side", lab=lab) as c:
                    results[name] = one(Drover(lab, c), name, args)
            else:
                results[name] = one(Swarm(lab, folder, 3000 if name == "swarm-lame" else 0), name, args)
    return results


def one(of, name, args):
    try:
        result = rounds(of.start(), args)
    finally:
        with contextlib.suppress(subprocess.SubprocessError):
            of.stop()
    if args.output == "text":
        for what, numbers in result.items():
            print(f"{name:11}{what:9} " + "  ".join(f"{k} {v}" for k, v in numbers.items()), flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rate", type=float, default=500, help="requests a second in all")
    parser.add_argument("--who", default="swarm,swarm-lame,drover")
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text")
    args = parser.parse_args()
    try:
        E2eTest.setUpClass()
    except unittest.SkipTest as reason:
        print(f"skipped: {reason}")
        return 77
    results = measure(args)
    met = all(r["failed"] == 0 for r in results.get("drover", {}).values())
    if args.output == "json":
        print(json.dumps({**results, "met": met}))
    else:
        print("goal (Drover: 0 failed): " + ("met" if met else "MISSED"))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
