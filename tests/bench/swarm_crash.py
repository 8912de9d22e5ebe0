#!/usr/bin/env python3
"""Drover and Docker Swarm side by side: the crash of a host, growing, and what both cost while nothing happens.

  tests/bench/swarm_crash.py [--runs 3] [--hosts 5] [--to 10,20,50] [--idle 60] [--who swarm,drover,swarm-bare,drover-bare] [-o json]

The same hosts of tests/lab, made anew for each, the same image, every replica published at a port of its host (Swarm's
`mode: host`, no balancer), one manager of Swarm on host 1, Drover's controller beside the hosts. Both with their defaults.
  swarm, drover            replicas in a network of their stack, as of a Compose file: an overlay network; a bridge on each host
  swarm-bare, drover-bare  in Docker's default bridge, where nothing has a name
Measured by the same prober, which asks each replica by HTTP:
  crash   ten replicas; the last host is killed in one instant. detected: the orchestrator says so; replaced: ten
          replicas answer on the other hosts
  scale   from 1 to 10, 20, 50 replicas: until all answer, and CPU of all hosts, engines and the controller for each one
  idle    ten replicas, nothing happens: CPU per minute and resident memory of the daemons (dockerd, containerd, and
          drover-agent) on a host without manager, and of what manages (Swarm: what host 1 has more; Drover: the controller)
Goal: Drover ahead of Swarm in each, network with network and bare with bare; even is within 10 %. Where it is behind the
table says why. Exit code 1 when it is behind without a reason.
"""
import argparse
import http.client
import json
import os
import statistics
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

sys.path[:0] = [os.path.join(os.path.dirname(__file__), "..", folder) for folder in ("e2e", "lab")]
import bench as lab_bench  # noqa: E402
from faults_bed import require_lab  # noqa: E402
from harness import Cluster, Failure, Lab, wait  # noqa: E402

IMAGE, PORT, COUNT = "drover/example-web:1", 8000, 10
DAEMONS = ("dockerd", "containerd", "drover-agent")
EVEN = 1.1
# Where Drover is behind by its nature.
REASONS = {
    "idle host CPU s/min": "the agent reads CPU and memory of each replica every second, which Swarm never does",
    "idle host MiB": "the agent is a process beside dockerd, Swarm's is a part of it",
    "idle manager CPU s/min": "agents report every second, Swarm's every 5 s",
    "idle manager MiB": "the controller is a process beside dockerd, Swarm's manager is a part of it",
}


def answers(address):
    host, port = address
    try:
        c = http.client.HTTPConnection(host, port, timeout=0.5)
        c.request("GET", "/healthz")
        return c.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False


class Swarm:
    def __init__(self, lab, _cluster, bare):
        self.lab, self.bare = lab, bare
        self.api = lab_bench.Engine(lab.socket(1))

    def docker(self, host, *args, **kwargs):
        return self.lab.run("docker", host, *args, **kwargs).stdout.strip()

    def start(self):
        self.docker(1, "swarm", "init", "--advertise-addr", self.lab.addr(1))
        token = self.docker(1, "swarm", "join-token", "-q", "worker")
        for host in range(2, self.lab.hosts + 1):
            self.docker(host, "swarm", "join", "--token", token, "--advertise-addr", self.lab.addr(host), f"{self.lab.addr(1)}:2377")
        network = []
        if not self.bare:
            self.docker(1, "network", "create", "-d", "overlay", "stack")
            network = ["--network", "stack", "--endpoint-mode", "dnsrr"]
        self.docker(1, "service", "create", "--detach", "--name", "web", "--no-resolve-image", "--replicas", 1, *network,
                    "--publish", f"mode=host,target={PORT}", "--reserve-cpu", "0.05", "--reserve-memory", "16M", IMAGE)

    def scale(self, count):
        lab_bench.set_replicas(self.api, "web", count)

    def nodes(self):
        return {n["ID"]: n for n in self.api("GET", "/nodes")}

    def replicas(self):
        """id -> (address, port) of those that run and shall run."""
        nodes, found = self.nodes(), {}
        for task in lab_bench.running(lab_bench.tasks(self.api, "web")):
            ports = task["Status"].get("PortStatus", {}).get("Ports") or []
            if ports and task["NodeID"] in nodes:
                found[task["ID"]] = (nodes[task["NodeID"]]["Status"]["Addr"], ports[0]["PublishedPort"])
        return found

    def detected(self, host):
        return any(n["Status"]["Addr"] == self.lab.addr(host) and n["Status"]["State"] == "down" for n in self.nodes().values())

    def booted(self, host):
        wait("the node is ready", lambda: all(n["Status"]["State"] == "ready" for n in self.nodes().values()), 60)

    def manager(self):
        return []


class Drover:
    def __init__(self, lab, cluster, bare):
        self.lab, self.c, self.bare, self.agents = lab, cluster, bare, {}

    def start(self):
        self.c.controller_config["tls"] = "off"
        self.c.start_controller()
        for host in range(1, self.lab.hosts + 1):
            self.agents[host] = self.c.start_agent(f"host{host}", edge=False, host=host, tls="off", advertise_address=self.lab.addr(host))
        web = {"image": IMAGE, "pull_policy": "never", "ports": [{"target": PORT, "published": "8000", "app_protocol": "http"}],
               "deploy": {"replicas": 1, "x-ready": {"http": f":{PORT}/healthz"},
                          "resources": {"reservations": {"cpus": "0.05", "memory": "16M"}}}}
        self.c.up({"web": {**web, **({"network_mode": "bridge"} if self.bare else {})}})

    def scale(self, count):
        self.c.drover("scale", f"{self.c.stack}/web={count}")

    def replicas(self):
        return {r["id"]: (r["address"], r["published"][0]["hostPort"]) for r in self.c.replicas("web") if r["state"] in ("RUNNING", "READY")}

    def detected(self, host):
        return self.c.node(f"host{host}").get("status") == "LOST"

    def booted(self, host):
        self.agents[host].process.popen.wait()
        self.agents[host].start()
        wait("the node is up", lambda: self.c.node(f"host{host}").get("status") == "UP", 60)

    def manager(self):
        return [self.c.controller.pid]


def wait_answering(of, count, but="", seconds=180):
    """Until `count` replicas answer that are not at the address `but`."""
    pool, known = ThreadPoolExecutor(8), set()

    def enough():
        there = {i: a for i, a in of.replicas().items() if a[0] != but}
        new = [i for i in there if i not in known]
        known.update(i for i, ok in zip(new, pool.map(answers, [there[i] for i in new])) if ok)
        return len(known & there.keys()) >= count

    try:
        wait(f"{count} replicas answer", enough, seconds, 0.1)
    finally:
        pool.shutdown()


def containers(lab):
    total = 0
    for host in range(1, lab.hosts + 1):
        total += len(lab_bench.Engine(lab.socket(host))("GET", "/containers/json"))
    return total


def settle(of, count):
    of.scale(count)
    wait_answering(of, count)
    wait("no other container runs", lambda: containers(of.lab) == count, 180, 0.5)
    time.sleep(3)


def process_cpu(pid):
    """Seconds."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid):
    with open(f"/proc/{pid}/status") as f:
        return next((int(line.split()[1]) / 1024 for line in f if line.startswith("VmRSS")), 0)


def all_cpu(of):
    root = "/sys/fs/cgroup/" if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else "/sys/fs/cgroup/{}/"
    return lab_bench.cpu_seconds(root + of.lab.env["LAB_NAME"]) + sum(process_cpu(pid) for pid in of.manager())


def daemons(lab, host):
    """pids of a host's daemons."""
    kind = "" if os.path.exists("/sys/fs/cgroup/cgroup.controllers") else "pids/"
    found = []
    for folder, _, files in os.walk(f"/sys/fs/cgroup/{kind}{lab.env['LAB_NAME']}/h{host}"):
        if "cgroup.procs" in files:
            with open(os.path.join(folder, "cgroup.procs")) as f:
                found += f.read().split()
    names = {}
    for pid in set(found):
        with open(f"/proc/{pid}/comm") as f:
            names[pid] = f.read().strip()
    return [pid for pid, name in names.items() if name in DAEMONS]


def crash(of, runs):
    victim, rows = of.lab.hosts, []
    for _ in range(runs):
        settle(of, 1)
        settle(of, COUNT)
        if not any(address == of.lab.addr(victim) for address, _ in of.replicas().values()):
            raise Failure(f"nothing was placed on host {victim}")
        began = time.monotonic()
        of.lab.run("kill", victim)
        wait("the host counts as down", lambda: of.detected(victim), 120, 0.1)
        detected = time.monotonic() - began
        wait_answering(of, COUNT, but=of.lab.addr(victim))
        rows.append((detected, time.monotonic() - began))
        of.lab.run("start", victim)
        of.booted(victim)
    return {"crash detected s": statistics.median(r[0] for r in rows), "crash replaced s": statistics.median(r[1] for r in rows)}


def scale(of, targets, runs):
    result = {}
    for target in targets:
        seconds, cost = [], []
        for _ in range(runs):
            settle(of, 1)
            cpu, began = all_cpu(of), time.monotonic()
            of.scale(target)
            wait_answering(of, target)
            seconds.append(time.monotonic() - began)
            cost.append((all_cpu(of) - cpu) / (target - 1) * 1000)
        result[f"1 to {target} s"] = statistics.median(seconds)
        result[f"1 to {target} CPU ms each"] = statistics.median(cost)
    return result


def idle(of, seconds):
    settle(of, COUNT)
    time.sleep(10)
    hosts = {host: daemons(of.lab, host) for host in range(1, of.lab.hosts + 1)}
    manager = of.manager()
    every = {pid for pids in hosts.values() for pid in pids} | set(manager)
    before = {pid: process_cpu(pid) for pid in every}
    time.sleep(seconds)
    used = {pid: (process_cpu(pid) - before[pid]) * 60 / seconds for pid in every}
    cpu = {host: sum(used[pid] for pid in pids) for host, pids in hosts.items()}
    mib = {host: sum(resident_mib(pid) for pid in pids) for host, pids in hosts.items()}
    others = [host for host in hosts if host != 1]
    host_cpu, host_mib = statistics.mean(cpu[h] for h in others), statistics.mean(mib[h] for h in others)
    if manager:
        managing_cpu, managing_mib = sum(used[pid] for pid in manager), sum(resident_mib(pid) for pid in manager)
    else:
        managing_cpu, managing_mib = max(cpu[1] - host_cpu, 0), max(mib[1] - host_mib, 0)
    return {"idle host CPU s/min": host_cpu, "idle host MiB": host_mib,
            "idle manager CPU s/min": managing_cpu, "idle manager MiB": managing_mib}


def one(name, args):
    kind = Swarm if name.startswith("swarm") else Drover
    with Lab(args.hosts) as lab, Cluster("crash", lab=lab) as c:
        lab.load_examples()
        of = kind(lab, c, name.endswith("-bare"))
        of.start()
        result = {}
        for part in (lambda: idle(of, args.idle), lambda: crash(of, args.runs),
                     lambda: scale(of, [int(target) for target in args.to.split(",")], args.runs)):
            result.update(part())
            print(f"{name}: {result}", file=sys.stderr, flush=True)
        return result


def verdict(metric, ours, theirs):
    if ours <= theirs * EVEN:
        return "ahead" if ours * EVEN < theirs else "even"
    return "behind" + (f": {REASONS[metric]}" if metric in REASONS else "")


def verdicts(results):
    """name of ours -> metric -> verdict() against Swarm in the same network; less is better in each."""
    pairs = [(name, name.replace("drover", "swarm")) for name in results if name.startswith("drover")]
    return {ours: {metric: verdict(metric, results[ours][metric], value) for metric, value in results[theirs].items()}
            for ours, theirs in pairs if theirs in results}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--hosts", type=int, default=5)
    parser.add_argument("--to", default="10,20,50")
    parser.add_argument("--idle", type=float, default=60, help="seconds")
    parser.add_argument("--who", default="swarm,drover,swarm-bare,drover-bare")
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text")
    args = parser.parse_args()
    try:
        require_lab()
    except unittest.SkipTest as reason:
        print(f"skipped: {reason}")
        return 77
    results = {name: one(name, args) for name in args.who.split(",")}
    judged = verdicts(results)
    met = not any(text == "behind" for of in judged.values() for text in of.values())
    if args.output == "json":
        print(json.dumps({**results, "verdicts": judged, "met": met}))
        return 0 if met else 1
    print(f"{'':26}" + "".join(f"{name:>12}" for name in results))
    for metric in next(iter(results.values())):
        said = "; ".join(f"{name} {of[metric]}" for name, of in judged.items())
        print(f"{metric:26}" + "".join(f"{result[metric]:12.2f}" for result in results.values()) + f"   {said}")
    print("goal (ahead, even, or a reason): " + ("met" if met else "MISSED"))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
