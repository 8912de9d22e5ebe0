"""What a HAProxy says on its runtime socket, and the killing of a replica behind it with its requests counted."""
import csv
import os
import signal
import socket

from harness import run


def ask(path, command):
    """One command's answer."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(5)
        s.connect(path)
        s.sendall(command.encode() + b"\n")
        return b"".join(iter(lambda: s.recv(65536), b"")).decode()


def stats_socket(agent):
    return os.path.join(agent.state, "haproxy", "stats.sock")


def servers(path):
    """Rows of `show stat` by address:port, without the slots that are free."""
    rows = csv.DictReader(ask(path, "show stat -1 4 -1").lstrip("# ").splitlines())
    return {r["addr"]: r for r in rows if not r["addr"].endswith(":1")}


def kill_replica(c, replica):
    """SIGKILL to its first process; how many requests HAProxy had in it. What was handed to it between the look just
    before and the one just after counts as in it."""
    container = next(r for r in c.containers(replica["service"]) if r["id"] == replica["containerId"])
    pid = int(run("docker", "inspect", "-f", "{{.State.Pid}}", container["id"]).stdout)
    address, path = f"{replica['address']}:{replica['published'][0]['hostPort']}", stats_socket(c.agents[0])
    before = servers(path)[address]
    os.kill(pid, signal.SIGKILL)
    after = servers(path)[address]
    return int(before["scur"]) + int(after["stot"]) - int(before["stot"])
