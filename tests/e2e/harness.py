"""What the end-to-end tests share: real controllers, agents, Redis, HAProxy and Docker, each test with
names, ports and folders of its own, all of it removed at the end.

Environment: DROVER_BIN (default build/release/bin) has the programs under test; DROVER_E2E_KEEP=1 leaves
everything running after a failure. Python's standard library only.
"""
import contextlib
import fcntl
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BIN = os.environ.get("DROVER_BIN", os.path.join(ROOT, "build/release/bin"))
EXAMPLES = os.environ.get("DROVER_EXAMPLES", os.path.join(ROOT, "build/release/bin/examples"))
LOAD = os.path.join(EXAMPLES, "drover-example-load")
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
# Sanitizers and a busy machine make everything slower; tests wait for conditions, never for a time.
PATIENCE = float(os.environ.get("DROVER_E2E_PATIENCE", "3" if "san/" in BIN + "/" else "1"))

os.environ["PATH"] += ":/usr/sbin:/sbin"


class Failure(AssertionError):
    pass


class TooLong(BaseException):
    """Not an Exception, so that no wait() takes it for "not yet"."""


def run(*args, check=True, timeout=120, **kwargs):
    """Runs a command; CompletedProcess with text output. check: an exit code other than 0 is a Failure."""
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=timeout, **kwargs)
    if check and done.returncode != 0:
        raise Failure(f"{' '.join(map(str, args))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def wait(what, condition, seconds=20.0, every=0.05):
    """Until condition() is true; returns its value. Errors count as not yet."""
    end = time.monotonic() + seconds * PATIENCE
    last = None
    while True:
        try:
            value = condition()
            if value:
                return value
            last = value
        except (OSError, ValueError, KeyError, IndexError, Failure) as e:
            last = e
        if time.monotonic() > end:
            raise Failure(f"not within {seconds * PATIENCE:.0f} s: {what} (last: {last!r})")
        time.sleep(every)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def bridge_address():
    """The host's address that containers know as `host-gateway`."""
    bridge = run("docker", "network", "inspect", "bridge", "-f", '{{index .Options "com.docker.network.bridge.name"}}').stdout.strip()
    return run("ip", "-4", "-br", "addr", "show", "dev", bridge).stdout.split()[2].split("/")[0]


class Process:
    """A program of the test, in a session of its own, its output in a file."""

    def __init__(self, name, args, log, env=None):
        self.name, self.args, self.log, self.env = name, [str(a) for a in args], log, env
        self.popen = None

    def start(self):
        assert not self.alive(), f"{self.name} is already running"
        with open(self.log, "ab") as out:
            self.popen = subprocess.Popen(self.args, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                                          env={**os.environ, **(self.env or {})})
        return self

    def alive(self):
        return self.popen is not None and self.popen.poll() is None

    @property
    def pid(self):
        return self.popen.pid

    def kill9(self):
        self.popen.send_signal(signal.SIGKILL)
        self.popen.wait()

    def stop(self, seconds=20):
        """SIGTERM, then SIGKILL; the exit code."""
        if not self.alive():
            return None if self.popen is None else self.popen.returncode
        self.popen.terminate()
        try:
            return self.popen.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill9()
            return -9

    def tail(self, lines=25):
        try:
            with open(self.log, errors="replace") as f:
                return "".join(f.readlines()[-lines:])
        except OSError:
            return ""


class Redis:
    """A Redis server with its append-only file on, reachable from the host and from containers of its bridge."""

    def __init__(self, folder, binds=None, password=""):
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        os.makedirs(folder, exist_ok=True)
        args = ["redis-server", "--port", self.port, "--bind", *(binds or ["127.0.0.1", bridge_address()]),
                "--protected-mode", "no", "--save", "", "--appendonly", "yes", "--appendfsync", "always", "--dir", folder]
        if password:
            args += ["--requirepass", password]
        self.process = Process("redis", args, os.path.join(folder, "redis.log"))

    def start(self):
        self.process.start()
        wait("Redis answers", lambda: "PONG" in self.cli("PING") or "NOAUTH" in self.cli("PING"))
        return self

    def cli(self, *args):
        done = run("redis-cli", "-p", self.port, *args, check=False)
        return (done.stdout + done.stderr).strip()

    def push(self, count, prefix="job-", queue="jobs", job_ms=None, rate=None):
        more = (["--job-ms", job_ms] if job_ms is not None else []) + (["--rate", rate] if rate else [])
        return json.loads(run(LOAD, "push", self.url, "--queue", queue, "--count", count, "--prefix", prefix, *more).stdout)

    def jobs(self, queue="jobs"):
        """pushed, waiting, held, done, repeated, lost."""
        return json.loads(run(LOAD, "count", self.url, "--queue", queue, check=False).stdout or "{}")


class HttpLoad:
    """Steady requests in the background; judges strictly (see drover-example-load). prefix: a command that runs it;
    more: further options."""

    def __init__(self, folder, url, rate, seconds, connections=16, post=0, prefix=(), more=()):
        self.live = os.path.join(folder, f"http-{free_port()}.json")
        self.process = Process("load", [*prefix, LOAD, "http", url, "--rate", rate, "--seconds", seconds, "--connections",
                                        connections, "--post", post, "--live", self.live, *more], self.live + ".log").start()

    def now(self):
        with open(self.live) as f:
            return json.load(f)

    def result(self):
        """Waits for the end."""
        self.process.popen.wait()
        return self.now()

    def stop(self):
        self.process.stop()
        return self.now()


class Requests:
    """Requests sent at once, each on a connection of its own; anything but a whole 200 is kept as a failure."""

    def __init__(self, port, count, body=None, path="/"):
        self.failed, self.ended = [], []
        self.started = time.monotonic()
        self.threads = [threading.Thread(target=self.one, args=(port, body, path)) for _ in range(count)]
        for thread in self.threads:
            thread.start()

    def one(self, port, body, path):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("POST" if body else "GET", path, body)
            answer = connection.getresponse()
            text = answer.read().decode()
            if answer.status != 200 or (body and text.strip() != str(len(body))):
                self.failed.append((answer.status, text))
            connection.close()
        except (OSError, http.client.HTTPException) as e:
            self.failed.append(repr(e))
        self.ended.append(time.monotonic() - self.started)

    def join(self):
        for thread in self.threads:
            thread.join()
        return self


class Agent:
    def __init__(self, cluster, name, config, lab=None, host=None):
        self.cluster, self.name, self.lab, self.host = cluster, name, lab, host
        self.state = os.path.join(cluster.dir, name)
        self.config = {"controllers": [cluster.grpc_for_agents], "name": name, "state_dir": self.state,
                       "advertise_address": "127.0.0.1", "metrics": {"listen": "off"},
                       "port_range": cluster.port_range, "policy": {"files": ["default", cluster.dir]}, **config}
        self.file = os.path.join(cluster.dir, name + ".yaml")
        self.process = None
        os.makedirs(self.state, exist_ok=True)

    def start(self):
        with open(self.file, "w") as f:
            json.dump(self.config, f, indent=1)  # JSON is YAML
        args = [*self.cluster.agent_prefix, os.path.join(BIN, "drover-agent"), "--config", self.file]
        if self.lab:
            args = [self.lab.tool, "exec", self.host] + args
        self.process = Process(self.name, args, os.path.join(self.cluster.dir, self.name + ".log"),
                               env=self.lab.env if self.lab else None).start()
        return self

    def docker(self, *args, **kwargs):
        if self.lab:
            return self.lab.run("docker", self.host, *args, **kwargs)
        return run("docker", *args, **kwargs)


class Cluster:
    """One controller, its agents, Redis and one stack; `with Cluster("name") as c:` cleans up."""

    def __init__(self, name, lab=None, tls=False):
        self.stack = f"{name}{os.getpid() % 100000}"
        self.dir = tempfile.mkdtemp(prefix=f"drover-e2e-{name}-", dir="/var/tmp")
        self.lab, self.tls = lab, tls
        self.agents, self.processes, self.seen_clusters = [], [], set()
        self.agent_prefix = []  # a command that becomes the agent: unit_group.py
        self.grpc_port, self.http_port, self.web_port = free_port(), free_port(), free_port()
        self.front_port = None  # of a proxy before the balancer
        listen = lab.addr(0) if lab else "127.0.0.1"
        self.grpc_for_agents = f"{listen}:{self.grpc_port}"
        self.addr = f"http://127.0.0.1:{self.http_port}"
        first = 20000 + os.getpid() % 49 * 200  # other clusters may use the same engine
        self.port_range = f"{first}-{first + 199}"
        self.controller_config = {"state_dir": os.path.join(self.dir, "controller"), "grpc": {"listen": self.grpc_for_agents},
                                  "http": {"listen": f"127.0.0.1:{self.http_port}"}, "xds": {"listen": "127.0.0.1:0"}}
        self.controller = None
        self.redis = None

    # ---- life ----

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is not None and kind is not unittest.SkipTest:
            self.show()
            if os.environ.get("DROVER_E2E_KEEP"):
                print(f"kept: {self.dir}, DROVER_ADDR={self.addr}", file=sys.stderr)
                return
        self.remove()

    def show(self):
        """What a person would look at after a failure."""
        for args in (["ps"], ["ls"], ["events"]):
            with contextlib.suppress(Exception):
                done = self.drover(*args, check=False, timeout=10)
                print(f"---- drover {' '.join(args)}\n{done.stdout[-4000:]}{done.stderr[-1000:]}", file=sys.stderr)
        for process in [self.controller] + [a.process for a in self.agents]:
            if process is not None:
                print(f"---- {process.name} ({'alive' if process.alive() else 'ended'})\n{process.tail()}", file=sys.stderr)

    def remove(self):
        for process in [a.process for a in self.agents] + [self.controller] + self.processes:
            with contextlib.suppress(Exception):
                if process is not None and process.alive():
                    process.stop(5)
        # What keeps HAProxy running first.
        for pid in self.keeper_pids() + self.haproxy_pids():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        for pid in self.balancer_pids("nginx"):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGTERM)  # to the master, which ends its workers
        ids = self.container_ids()
        if ids:
            run("docker", "rm", "-fv", *ids, check=False)
        for kind in ("network", "volume"):
            names = run("docker", kind, "ls", "-q", "--filter", f"name=^{self.stack}_", check=False).stdout.split()
            if names:
                run("docker", kind, "rm", *names, check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    def start_redis(self, **kwargs):
        self.redis = Redis(os.path.join(self.dir, "redis"), **kwargs)
        self.processes.append(self.redis.process)
        return self.redis.start()

    def start_controller(self):
        file = os.path.join(self.dir, "controller.yaml")
        os.makedirs(self.controller_config["state_dir"], exist_ok=True)
        with open(file, "w") as f:
            json.dump(self.controller_config, f, indent=1)
        self.controller = Process("controller", [os.path.join(BIN, "drover-controller"), "--config", file],
                                  os.path.join(self.dir, "controller.log")).start()
        self.wait_controller()
        return self.controller

    def wait_controller(self):
        def answers():
            if not self.controller.alive():
                raise RuntimeError(f"the controller ended: {self.controller.tail()}")
            return self.api("/v1/version").get("clusterId")
        self.seen_clusters.add(wait("the controller answers", answers))

    def start_agent(self, name="host1", edge=True, host=None, bind="127.0.0.1", **config):
        if edge:
            balancer = "haproxy" if edge is True else edge
            config.setdefault("edge", edge if isinstance(edge, dict) else {balancer: {"bind": bind if not self.lab else self.lab.addr(host)}})
        agent = Agent(self, name, config, self.lab if host else None, host)
        self.agents.append(agent)
        agent.start()
        wait(f"agent {name} is up", lambda: self.node(name).get("status") == "UP")
        return agent

    def start(self, redis=True, edge=True, **agent):
        """The usual: images, Redis, controller, one agent with HAProxy (or the balancer `edge` names) on the local
        engine. agent: more of its configuration."""
        example_images()
        if redis:
            self.start_redis()
        self.start_controller()
        self.start_agent(edge=edge, **agent)
        return self

    # ---- what Drover says ----

    def api(self, path, timeout=5):
        try:
            with urllib.request.urlopen(self.addr + path, timeout=timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as e:
            raise Failure(f"GET {path}: {e.code} {e.read().decode(errors='replace')}") from e

    def drover(self, *args, **kwargs):
        return run(os.path.join(BIN, "drover"), *args, env={**os.environ, "DROVER_ADDR": self.addr}, **kwargs)

    def service(self, name):
        """A Service with every number there (the JSON mapping leaves zeros out)."""
        zero = dict.fromkeys(("min", "max", "desired", "ready", "running", "starting", "pending", "draining", "failed", "completed"), 0)
        return {**zero, "status": "", "converged": False, **self.api(f"/v1/services/{self.stack}/{name}")}

    def replicas(self, service=None):
        path = f"/v1/replicas?stack={self.stack}" + (f"&service={service}" if service else "")
        return self.api(path).get("replicas", [])

    def why(self, service):
        return self.api(f"/v1/services/{self.stack}/{service}/why")

    def node(self, name):
        return next((n for n in self.api("/v1/nodes").get("nodes", []) if n.get("name") == name), {})

    def orphans(self):
        """Of our stack: other people's containers may run on the same engine."""
        return [o for o in self.api("/v1/orphans").get("orphans", []) if o["stack"] == self.stack]

    def events(self):
        return self.api(f"/v1/events?stack={self.stack}&limit=1000").get("events", [])

    def wait_service(self, name, seconds=60, **numbers):
        """Until the service's numbers are these, for example ready=2, desired=2."""
        return wait(f"{name}: {numbers}, now {self.service(name)['status'] if self._answers() else '?'}",
                    lambda: all(self.service(name)[k] == v for k, v in numbers.items()) and self.service(name), seconds, 0.1)

    def _answers(self):
        with contextlib.suppress(Exception):
            self.api("/v1/version", 1)
            return True
        return False

    # ---- stacks ----

    def write_stack(self, services, **top):
        """services as a dict; the file is JSON, which is YAML."""
        file = os.path.join(self.dir, "compose.yaml")
        with open(file, "w") as f:
            json.dump({"name": self.stack, "services": services, **top}, f, indent=1)
        return file

    def up(self, services, wait_for=True, check=True, **top):
        file = self.write_stack(services, **top)
        flags = ["--wait", "--timeout", f"{int(90 * PATIENCE)}s"] if wait_for else []
        return self.drover("up", "-f", file, "-d", *flags, check=check, timeout=120 * PATIENCE)

    def queue(self, name="thumbs"):
        return {name: {"redis": self.redis.url, "key": "jobs", "type": "list"}}

    def worker(self, minimum=1, maximum=10, per_replica=10, down="3s", cpus="0.05", job_ms=1000):
        return {"image": "drover/example-worker:1", "pull_policy": "never", "stop_grace_period": "30s",
                "environment": {"REDIS_URL": f"redis://redis:{self.redis.port}/0", "JOB_MS": str(job_ms)},
                "extra_hosts": ["redis:host-gateway"],
                "deploy": {"resources": {"reservations": {"cpus": cpus, "memory": "16M"}},
                           "x-autoscale": {"min": minimum, "max": maximum, "signals": [{"queue": "thumbs", "per_replica": per_replica}],
                                           "scale_down": {"stabilization": down}}}}

    def web(self, minimum=1, maximum=6, down="5s", cpus="0.2", target="60%", **environment):
        return {"image": "drover/example-web:1", "pull_policy": "never", "stop_grace_period": "30s",
                "ports": [f"{self.web_port}:8000"], "environment": {k: str(v) for k, v in environment.items()},
                "deploy": {"resources": {"reservations": {"cpus": cpus, "memory": "16M"}},
                           "x-ready": {"http": ":8000/healthz"},
                           "x-autoscale": {"min": minimum, "max": maximum, "signals": [{"cpu": target}],
                                           "scale_down": {"stabilization": down}}}}

    def web_at_zero(self, maximum=5, per_replica=25, idle="2s", **environment):
        """An HTTP service that is at zero while nobody asks for it."""
        service = self.web(minimum=0, maximum=maximum, down="1s", **environment)
        service["ports"] = [{"target": 8000, "published": str(self.web_port), "app_protocol": "http"}]
        service["deploy"]["x-autoscale"].update(signals=[{"in_flight": per_replica}], idle=idle)
        return service

    def edge_reloads(self):
        return sum(int(n.get("edgeReloads", 0)) for n in self.api("/v1/nodes").get("nodes", []))

    @property
    def web_url(self):
        return f"http://127.0.0.1:{self.front_port or self.web_port}"

    def put_nginx_in_front(self):
        """An nginx of somebody else's with one fixed address behind it, ours; all requests go to it from now on."""
        folder = os.path.join(self.dir, "front")
        os.makedirs(folder)
        self.front_port = free_port()
        config = os.path.join(folder, "nginx.conf")
        with open(config, "w") as f:
            f.write(f"""pid {folder}/nginx.pid;
error_log {folder}/nginx.log crit;
worker_processes 2;
events {{}}
http {{
  access_log off;
  upstream drover {{ server 127.0.0.1:{self.web_port}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{self.front_port};
    location / {{ proxy_pass http://drover; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
""")
        run(NGINX, "-c", config)

    def http_load(self, path, rate, seconds, connections=16, post=0):
        load = HttpLoad(self.dir, self.web_url + path, rate, seconds, connections, post)
        self.processes.append(load.process)
        return load

    def ask_web(self):
        """One request; OSError when nothing answers it."""
        with urllib.request.urlopen(self.web_url + "/healthz", timeout=2) as answer:
            return answer.status == 200

    def web_listens(self):
        """No request is sent; OSError when nobody listens."""
        socket.create_connection(("127.0.0.1", self.web_port), 2).close()
        return True

    def at_rest(self):
        """The web service is at zero: nothing runs, nothing drains, and the balancer listens."""
        self.wait_service("web", 60, desired=0, ready=0, draining=0, running=0)
        wait("the balancer listens", self.web_listens)
        wait("no container", lambda: not self.containers("web"))

    def wait_web(self):
        wait("the web service answers on its edge port", self.ask_web)

    # ---- what Docker says ----

    def containers(self, service=None, running=True, agent=None):
        """docker ps of the stack, as dicts with Id, Name, Number, Running."""
        filters = ["--filter", f"label=com.docker.compose.project={self.stack}"]
        if service:
            filters += ["--filter", f"label=com.docker.compose.service={service}"]
        call = agent.docker if agent else lambda *a: run("docker", *a)
        line = '{{.ID}}\t{{.Names}}\t{{.Label "com.docker.compose.container-number"}}\t{{.State}}'
        out = call("ps", "-a", "--no-trunc", *filters, "--format", line).stdout
        rows = [dict(zip(("id", "name", "number", "state"), row.split("\t"))) for row in out.splitlines()]
        return [r for r in rows if not running or r["state"] in ("running", "paused", "restarting")]

    def container_ids(self):
        ids = set(run("docker", "ps", "-aq", "--filter", f"label=com.docker.compose.project={self.stack}", check=False).stdout.split())
        for cluster in self.seen_clusters:
            ids |= set(run("docker", "ps", "-aq", "--filter", f"label=io.drover.cluster={cluster}", check=False).stdout.split())
        return sorted(ids)

    def haproxy_pids(self):
        return self.balancer_pids("haproxy")

    def haproxy_master(self):
        """Its pid, as its file says, while it lives; None: there is none."""
        with contextlib.suppress(OSError, ValueError):
            with open(os.path.join(self.agents[0].state, "haproxy", "haproxy.pid")) as f:
                pid = int(f.read())
            return pid if pid in self.haproxy_pids() else None
        return None

    def keeper_pids(self):
        return [pid for pid in self.balancer_pids("drover-agent") if self.command_line(pid).split(b"\0")[1:2] == [b"keep-edge"]]

    @staticmethod
    def command_line(pid):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                return f.read()
        except OSError:
            return b""

    @staticmethod
    def children(pid):
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return f.read().split()

    def balancer_pids(self, program):
        """Ours: those whose command line names our folder."""
        pids = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            with contextlib.suppress(OSError):
                with open(f"/proc/{entry}/comm") as f:
                    if f.read().strip() != program:
                        continue
                with open(f"/proc/{entry}/cmdline", "rb") as f:
                    if self.dir.encode() in f.read():
                        pids.append(int(entry))
        return pids


class Lab:
    """Hosts of tests/lab; `with Lab(2) as lab:` removes them. There is one such lab at a time on a machine: another
    test waits for its turn, and what a killed one left behind goes first."""

    def __init__(self, hosts, net="198.19", live_restore=()):
        self.tool = os.path.join(ROOT, "tests/lab/lab")
        self.env = {"LAB_NAME": "drovere2e", "LAB_NET": net, "LAB_DIR": "/var/tmp/drover-e2e-lab",
                    "LAB_LIVE_RESTORE": " ".join(map(str, live_restore))}
        self.hosts, self.net, self.turn = hosts, net, None

    def __enter__(self):
        self.turn = open("/var/tmp/drover-e2e-lab.lock", "w")
        fcntl.flock(self.turn, fcntl.LOCK_EX)
        self.run("down", check=False)
        self.run("up", self.hosts)
        return self

    def __exit__(self, *_):
        self.run("down", check=False, timeout=600)  # a busy machine; what was measured must not be lost by it
        self.turn.close()

    def run(self, *args, **kwargs):
        return run(self.tool, *args, env={**os.environ, **self.env}, **kwargs)

    def addr(self, host):
        return f"{self.net}.0.{1 if host == 0 else 10 + int(host)}"

    def socket(self, host):
        """Of its engine."""
        return os.path.join(self.env["LAB_DIR"], "hosts", str(host), "run/docker.sock")

    def load_examples(self):
        """The example images of the local engine on every host, with the same ids."""
        example_images()
        tar = os.path.join(self.env["LAB_DIR"], "examples.tar")
        run("docker", "save", "-o", tar, "drover/example-web:1", "drover/example-worker:1")
        self.run("load", tar)


def example_images():
    run(os.path.join(ROOT, "deploy/examples/images.sh"), EXAMPLES)


def missing_part(problem):
    """Ends the test: skipped, or failed where DROVER_TEST_REQUIRE is set."""
    raise Failure(problem) if os.environ.get("DROVER_TEST_REQUIRE") else unittest.SkipTest(problem)


class E2eTest(unittest.TestCase):
    """Skips where there is no engine or no program, unless DROVER_TEST_REQUIRE is set."""
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        missing = [p for p in ("drover-controller", "drover-agent", "drover") if not os.path.exists(os.path.join(BIN, p))]
        problem = f"not built: {' '.join(missing)}" if missing else ""
        if not problem and subprocess.run(["docker", "version"], capture_output=True).returncode != 0:
            problem = "no Docker engine answers"
        if problem:
            missing_part(problem)


def main():
    """Runs the test named on the command line (or all of the file); 77 when it was skipped. After
    DROVER_E2E_SECONDS it fails like any other, with what a person would look at, and tidies up."""
    limit = int(os.environ.get("DROVER_E2E_SECONDS", "0"))

    def too_long(*_):
        raise TooLong(f"the test is not done after {limit} s")

    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(limit)
    program = unittest.main(module="__main__", verbosity=2, exit=False)
    if not program.result.wasSuccessful():
        sys.exit(1)
    sys.exit(77 if program.result.skipped and len(program.result.skipped) >= program.result.testsRun else 0)
