"""What a HAProxy says on its runtime socket, and the killing of a replica behind it with its requests counted."""
import csv
import os
import signal
import socket

from harness import run

SHOW_SERVERS = "show stat -1 4 -1"


def ask(path, command):
    """One command's answer."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(5)
        s.connect(path)
        s.sendall(command.encode() + b"\n")
        return b"".join(iter(lambda: s.recv(65536), b"")).decode()


def stats_socket(agent):
    return os.path.join(agent.state, "haproxy", "stats.sock")


def servers(answer):
    """Rows of `show stat` by address:port, without the slots that are free."""
    rows = csv.DictReader(answer.lstrip("# ").splitlines())
    return {r["addr"]: r for r in rows if not r["addr"].endswith(":1")}


def kill_replica(c, replica):
    """SIGKILL to its first process. How many requests were in it, as HAProxy counts them; and at most how many with
    those that it handed over while it was asked. The process is stopped before, so that it answers none meanwhile."""
    pid = int(run("docker", "inspect", "-f", "{{.State.Pid}}", replica["containerId"]).stdout)
    address, path = f"{replica['address']}:{replica['published'][0]['hostPort']}", stats_socket(c.agents[0])
    os.kill(pid, signal.SIGSTOP)
    answers = [ask(path, SHOW_SERVERS)]
    os.kill(pid, signal.SIGKILL)
    answers.append(ask(path, SHOW_SERVERS))
    before, after = (servers(answer)[address] for answer in answers)
    in_hand = int(before["scur"])
    return in_hand, in_hand + int(after["stot"]) - int(before["stot"])
