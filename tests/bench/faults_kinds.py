"""The faults of faults.py: what each does to a host or a program, how it is healed, and what it may cost clients."""
import time

from faults_bed import EDGES, REPLICAS
from harness import wait


class Fault:
    """`strike` begins it, `heal` ends it; between, `hold` passes the time.

    silent   the controller hears nothing of the host: a long one lasts until what runs there is replaced
    """
    silent = False
    hosts = staticmethod(lambda bed: bed.hosts)

    def __init__(self, bed, rng, long):
        self.bed, self.rng = bed, rng
        self.host = rng.choice(self.hosts(bed))
        self.seconds = rng.uniform(2, 5)
        self.long = long and self.silent

    def __str__(self):
        return f"{self.name} host{self.host}" + (" until replaced" if self.long else f" for {self.seconds:.1f} s")

    def struck(self):
        """Pairs of an edge and the host that it can't reach: requests that it sends there may be lost."""
        return [(edge, self.host) for edge in EDGES if edge != self.host]

    def away(self):
        """The edge that clients can't reach; None: both are there."""
        return self.host if self.host in EDGES else None

    def hold(self):
        """Until it has gone on long enough; the names of services that the rest of the hosts did not take over."""
        if not self.long:
            time.sleep(self.seconds)
            return []
        singleton = self.bed.host_of("cron") == self.host
        return [service for service, count in (("web", REPLICAS), ("worker", 2), ("cron", 1 if singleton else 0))
                if not self.replaced(service, count)]

    def replaced(self, service, count):
        try:
            wait(f"{service} is ready elsewhere", lambda: self.bed.ready_beside(self.host, service) >= count, 60, 0.1)
        except AssertionError:
            return False
        return True


class Kill(Fault):
    """All of the host's processes at once, no farewell; then it boots."""
    name, silent = "kill", True

    def strike(self):
        self.bed.lab.run("kill", self.host)
        self.bed.agents[self.host].process.popen.wait()

    def heal(self):
        self.bed.lab.run("start", self.host)
        self.bed.agents[self.host].start()


class Reboot(Kill):
    """A clean one: the agent is told to end, then the engine, then everything."""
    name = "reboot"

    def strike(self):
        self.bed.agents[self.host].process.stop()
        self.bed.lab.run("stop", self.host)


class Cut(Fault):
    """Off the network, running on."""
    name, silent = "cut", True

    def strike(self):
        self.bed.lab.run("cut", self.host)

    def heal(self):
        self.bed.lab.run("heal", self.host)


class Pause(Fault):
    """Everything frozen; the kernel still answers, as a hung machine's does."""
    name, silent = "pause", True

    def strike(self):
        self.bed.lab.run("pause", self.host)

    def heal(self):
        self.bed.lab.run("resume", self.host)


class CutPair(Fault):
    """An edge and another host don't reach each other; everybody else reaches both."""
    name = "cut-pair"
    hosts = staticmethod(lambda bed: EDGES)

    def __init__(self, bed, rng, long):
        super().__init__(bed, rng, long)
        self.peer = rng.choice([host for host in bed.hosts if host != self.host])
        self.seconds = rng.uniform(4, 12)

    def __str__(self):
        return f"cut host{self.host} from host{self.peer} for {self.seconds:.1f} s"

    def struck(self):
        return [(edge, other) for edge, other in ((self.host, self.peer), (self.peer, self.host)) if edge in EDGES]

    def away(self):
        return None

    def strike(self):
        self.bed.lab.run("cut", self.host, self.peer)

    def heal(self):
        self.bed.lab.run("heal", self.host)


class CutController(Cut):
    """A host that the controller, Redis and clients don't reach; the other hosts do, so its replicas serve on."""
    name = "cut-controller"

    def struck(self):
        return []

    def strike(self):
        self.bed.lab.run("cut", self.host, 0)


class Engine(Fault):
    """dockerd stopped and started; its containers end with it."""
    name = "engine"
    hosts = staticmethod(lambda bed: [host for host in bed.hosts if host not in bed.live_hosts])

    def struck(self):
        return [(edge, self.host) for edge in EDGES]

    def away(self):
        return None

    def strike(self):
        self.bed.lab.run("engine", self.host, "stop")

    def heal(self):
        self.bed.lab.run("engine", self.host, "start")


class EngineLive(Engine):
    """The same with live-restore: its containers run on."""
    name = "engine-live"
    hosts = staticmethod(lambda bed: bed.live_hosts)

    def struck(self):
        return []


class Agent(Fault):
    """kill -9 of a host's agent, which a service manager starts again: whatever it keeps running runs on. Sometimes it is
    away for long enough that the host counts as lost."""
    name = "agent"

    def __init__(self, bed, rng, long):
        super().__init__(bed, rng, long)
        self.seconds = rng.uniform(0.3, 9)

    def struck(self):
        return []

    def away(self):
        return None

    def strike(self):
        self.bed.agents[self.host].process.kill9()

    def heal(self):
        self.bed.agents[self.host].start()


class Controller(Fault):
    """kill -9 of the controller at a random moment of a change."""
    name = "controller"

    def __str__(self):
        return f"controller killed amid a change, for {self.seconds:.1f} s"

    def struck(self):
        return []

    def away(self):
        return None

    def strike(self):
        self.scale(REPLICAS + 2)
        time.sleep(self.rng.uniform(0, 1.5))
        self.bed.c.controller.kill9()

    def heal(self):
        self.bed.c.controller.start()
        self.bed.c.wait_controller()
        self.scale(REPLICAS)

    def scale(self, count):
        self.bed.c.drover("scale", f"{self.bed.c.stack}/web={count}")


KINDS = {kind.name: kind for kind in (Kill, Cut, Pause, CutPair, CutController, Engine, EngineLive, Controller, Agent, Reboot)}
