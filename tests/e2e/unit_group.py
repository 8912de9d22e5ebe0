"""A control group as a service manager has for a unit: all that the agent starts is in it, unless it leaves, and a
stop or an upgrade of the unit ends every process in it. Control groups v1, hybrid and v2; needs root.
"""
import contextlib
import os
import signal

from harness import wait

ROOT = "/sys/fs/cgroup"


class UnitGroup:
    """`with UnitGroup("agent") as unit:`; a program whose command line begins with unit.prefix runs in it."""

    def __init__(self, name):
        v2 = os.path.exists(os.path.join(ROOT, "cgroup.controllers"))
        # Before v2 a service manager tracks its units in a named hierarchy, and in the unified one where there is one.
        roots = [ROOT] if v2 else [r for r in (os.path.join(ROOT, "systemd"), os.path.join(ROOT, "unified"))
                                   if os.path.exists(os.path.join(r, "cgroup.procs"))]
        self.groups = [os.path.join(root, name + ".service") for root in roots]
        joins = "".join(f"echo $$ >{group}/cgroup.procs && " for group in self.groups)
        self.prefix = ["sh", "-c", joins + 'exec "$@"', "unit"]

    def __enter__(self):
        for group in self.groups:
            os.makedirs(group, exist_ok=True)
        return self

    def __exit__(self, *_):
        self.kill()
        for group in self.groups:
            with contextlib.suppress(OSError):
                os.rmdir(group)

    def pids(self):
        found = set()
        for group in self.groups:
            with contextlib.suppress(OSError), open(os.path.join(group, "cgroup.procs")) as f:
                found |= {int(pid) for pid in f.read().split()}
        return found

    def kill(self):
        """SIGKILL to every process in it, until there is none."""
        def gone():
            for pid in self.pids():
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            return not self.pids()
        wait("nothing is left in the unit", gone, 10, 0.005)
