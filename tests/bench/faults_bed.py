"""What faults.py runs on: hosts of tests/lab with an agent each, HAProxy on two of them, one stack with every kind of
service, clients and a producer outside, and what can be asked of it all."""
import os
import shutil
import sys
import time
from urllib.parse import quote

sys.path[:0] = [os.path.join(os.path.dirname(__file__), "..", folder) for folder in ("e2e", "lab")]
import bench as lab_bench  # noqa: E402
from haproxy import SHOW_SERVERS, ask, servers, stats_socket  # noqa: E402
from harness import LOAD, E2eTest, Failure, HttpLoad, Process, missing_part, wait  # noqa: E402

REPLICAS = 6
EDGES = (1, 2)
# Longest that a client waits for an answer.
PATIENCE_S = 5
UP_STATES = ("UP", "no check")


def require_lab():
    """Skips, or fails, as the end-to-end tests do, where hosts of tests/lab can't run."""
    E2eTest.setUpClass()
    missing = [program for program in ("ip", "iptables", "nsenter", "haproxy", "redis-server", "cc") if not shutil.which(program)]
    if os.geteuid() != 0 or missing:
        missing_part(f"the lab needs root and {' '.join(missing) or 'nothing else'}")


def witness(name):
    """A service that writes down that it runs, into a folder which is the same on every host."""
    return {"image": "lab/witness:1", "pull_policy": "never", "stop_grace_period": "1s", "environment": {"WITNESS": f"/shared/{name}"},
            "volumes": ["witness:/shared"], "deploy": {"resources": {"reservations": {"cpus": "0.05", "memory": "8M"}}}}


class Clients:
    """Those of one edge: short requests and some that take a while."""

    def __init__(self, bed, edge):
        self.failed = os.path.join(bed.c.dir, f"failed-{edge}")
        open(self.failed, "w").close()
        self.read = 0
        url, more = f"http://{bed.lab.addr(edge)}:{bed.c.web_port}", ("--timeout", PATIENCE_S, "--failed", self.failed)
        self.loads = [HttpLoad(bed.c.dir, url + path, bed.rate / 2, 1_000_000, 8, more=more) for path in ("/", "/sleep?ms=40")]
        bed.c.processes += [load.process for load in self.loads]

    def failures(self):
        """(begin, end, why) of those that are new since the last call; seconds since 1970."""
        with open(self.failed) as f:
            f.seek(self.read)
            text = f.read()
        whole = text[:text.rfind("\n") + 1]
        self.read += len(whole)
        rows = [line.split(" ", 2) for line in whole.splitlines()]
        return [(int(begin) / 1e9, int(end) / 1e9, why) for begin, end, why in rows]

    def stop(self):
        return [load.stop() for load in self.loads]


class Bed:
    def __init__(self, lab, cluster, rate):
        self.lab, self.c, self.rate = lab, cluster, rate
        self.hosts = list(range(1, lab.hosts + 1))
        self.agents, self.clients, self.producer = {}, {}, None
        self.witness_dir = os.path.join(cluster.dir, "witness")

    # ---- life ----

    def start(self):
        c, lab = self.c, self.lab
        os.makedirs(self.witness_dir)
        lab.load_examples()
        lab.run("image", "witness")
        c.start_redis(binds=["127.0.0.1", lab.addr(0)])
        self.redis_url = f"redis://{lab.addr(0)}:{c.redis.port}/0"
        c.controller_config["tls"] = "off"
        c.start_controller()
        for host in self.hosts:
            self.agents[host] = c.start_agent(f"host{host}", edge=host in EDGES, host=host, tls="off", advertise_address=lab.addr(host),
                                              capacity={"cpus": "4", "memory": "4G"})
        self.up()
        wait("everything runs", lambda: not self.unsettled(), 60, 0.5)
        self.clients = {edge: Clients(self, edge) for edge in EDGES}
        push = [LOAD, "push", self.redis_url, "--queue", "jobs", "--count", 10_000_000, "--rate", 5, "--job-ms", 300, "--prefix", "job-"]
        self.producer = Process("producer", push, os.path.join(c.dir, "producer.log")).start()
        c.processes.append(self.producer)
        time.sleep(2)
        return self

    def up(self):
        device = {"type": "none", "o": "bind", "device": self.witness_dir}
        self.c.up(self.services(), volumes={"witness": {"driver_opts": device}, "data": {}},
                  **{"x-volumes": {"witness": {"shared": True}},
                     "x-queues": {"thumbs": {"redis": self.redis_url, "key": "jobs", "type": "list"}}})

    def services(self):
        web = self.c.web(cpus="0.2")
        del web["ports"], web["deploy"]["x-autoscale"]
        web["deploy"].update({"replicas": REPLICAS, "x-edge": [
            {"listen": self.c.web_port, "target": 8000, "app_protocol": "http", "check": "/healthz"}]})
        worker = self.c.worker(minimum=2, maximum=6, cpus="0.1", job_ms=300)
        worker["environment"]["REDIS_URL"] = self.redis_url
        del worker["extra_hosts"]
        cron = witness("cron")
        cron["deploy"]["x-singleton"] = True
        db = witness("db")
        db["volumes"].append("data:/data")
        return {"web": web, "worker": worker, "cron": cron, "db": db}

    def finish(self):
        """Ends load and producer and waits for the queue to be empty; what became of all jobs and requests."""
        requests = [result for clients in self.clients.values() for result in clients.stop()]
        self.producer.stop()
        wait("the queue is empty", lambda: (j := self.c.redis.jobs()) and j["waiting"] + j["held"] == 0, 120, 0.5)
        return {"requests": sum(r["requests"] for r in requests), "p99_ms": max(r["p99_ms"] for r in requests),
                "jobs": self.c.redis.jobs()}

    # ---- what is there ----

    def events(self, after=0):
        """Those with a higher id, oldest first."""
        rows = self.c.api("/v1/events?limit=2000").get("events", [])
        return sorted((e for e in rows if int(e["id"]) > after), key=lambda e: int(e["id"]))

    def host_of(self, service):
        """The number of the host where the service's one replica is placed; None: nowhere."""
        names = [r.get("nodeName", "") for r in self.c.replicas(service) if r["state"] != "LOST"]
        return int(names[0].removeprefix("host")) if names and names[0] else None

    def ready_beside(self, host, service):
        """How many replicas are ready on other hosts."""
        return sum(r["state"] == "READY" and r.get("nodeName") != f"host{host}" for r in self.c.replicas(service))

    def containers(self):
        """All of the stack that run, over all hosts whose engine answers: host, service, replica (its id), id (Docker's)."""
        found, wanted = [], quote('{"label":["com.docker.compose.project=%s"],"status":["running","paused"]}' % self.c.stack)
        for host in self.hosts:
            try:
                rows = lab_bench.Engine(self.lab.socket(host))("GET", f"/containers/json?filters={wanted}")
            except (OSError, RuntimeError, ValueError):
                continue
            found += [{"host": host, "id": row["Id"], "service": row["Labels"]["com.docker.compose.service"],
                       "replica": row["Labels"]["io.drover.replica"]} for row in rows]
        return found

    def superseded(self):
        """Containers that run although the store has the replica elsewhere, replaced, or not at all (R3.2); and a replica
        that runs twice."""
        kept = {(r["id"], r.get("nodeName")): r for r in self.c.replicas() if r["state"] != "LOST" and r.get("reason") != "Superseded"}
        running = self.containers()
        ids = [row["replica"] for row in running]
        return [f"{row['service']} {row['replica']} on host{row['host']}" for row in running
                if (row["replica"], f"host{row['host']}") not in kept or ids.count(row["replica"]) > 1]

    def edge_rows(self, edge):
        """HAProxy's own rows by address:port; OSError when it does not answer."""
        return servers(ask(stats_socket(self.agents[edge]), SHOW_SERVERS))

    def unsettled(self):
        """What is not as wanted; empty: everything is."""
        away = [n["name"] for n in self.c.api("/v1/nodes").get("nodes", []) if n.get("status") != "UP"]
        if away:
            return f"not up: {', '.join(away)}"
        for service in self.c.api(f"/v1/services?stack={self.c.stack}").get("services", []):
            if not service.get("converged"):
                return f"{service['name']}: {service.get('status')}"
        replicas = [r for r in self.c.replicas() if r["state"] == "READY"]
        wanted, running = {r["containerId"] for r in replicas}, {row["id"] for row in self.containers()}
        if wanted != running:
            return f"{len(running - wanted)} containers too many, {len(wanted - running)} too few"
        ready = {f"{r['address']}:{r['published'][0]['hostPort']}" for r in replicas if r["service"] == "web"}
        for edge in EDGES:
            routed = {address for address, row in self.edge_rows(edge).items() if row["status"].startswith(UP_STATES)}
            if routed != ready:
                return f"the balancer of host{edge} has {len(routed - ready)} replicas too many, {len(ready - routed)} too few"
        return ""

    def wait_settled(self, seconds):
        """The seconds until everything was as wanted; Failure with what was not."""
        began, last = time.time(), "?"
        while time.time() - began < seconds:
            try:
                last = self.unsettled()
            except (OSError, ValueError, KeyError, Failure) as e:
                last = repr(e)
            if not last:
                return time.time() - began
            time.sleep(0.25)
        raise Failure(last)
