"""What faults.py sees during a round: the balancers ten times a second, and who wrote down that it ran."""
import os
import threading
import time
from collections import defaultdict

from faults_bed import UP_STATES

# A process that writes nothing for so long did not run (frozen).
STILL_S = 1.0


class EdgeWatch:
    """Reads the balancers of `edges` until ended. `struck`: pairs of an edge and a host that it can't reach."""

    def __init__(self, bed, edges, struck):
        self.bed, self.edges, self.over = bed, list(edges), False
        self.unreachable = {(edge, bed.lab.addr(host)) for edge, host in struck}
        self.last, self.sent = {}, 0
        self.states = defaultdict(list)  # edge -> (time, up at struck hosts, up at others), oldest first
        self.look()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        while not self.over:
            time.sleep(0.1)
            self.look()

    def look(self):
        for edge in self.edges:
            try:
                rows = self.bed.edge_rows(edge)
            except (OSError, KeyError, ValueError):
                continue
            up = {True: 0, False: 0}
            for address, row in rows.items():
                struck = (edge, address.split(":")[0]) in self.unreachable
                up[struck] += row["status"].startswith(UP_STATES)
                if struck:
                    self.count((edge, row["svname"], address), row)
            self.states[edge].append((time.time(), up[True], up[False]))

    def count(self, key, row):
        """Requests for struck hosts: in hand when first seen, and those that were sent since."""
        total = int(row["stot"])
        self.sent += total - self.last[key] if key in self.last else int(row["scur"])
        self.last[key] = total

    def end(self):
        self.over = True
        self.thread.join()

    def marked_down_at(self, since):
        """When the last balancer had no struck host's replica in rotation any more; None: not all, or nothing to mark."""
        times = []
        for edge in {edge for edge, _ in self.unreachable} & set(self.edges):
            seen = [(at, struck) for at, struck, _ in self.states[edge] if at >= since]
            up = [at for at, struck in seen if struck]
            if up and seen[-1][1]:
                return None
            times += up[-1:]
        return max(times) if times else None

    def routed_at(self, since, count):
        """When every balancer had `count` replicas in rotation on hosts that it reaches; None: it did not come to that."""
        times = []
        for edge in self.edges:
            full = [at for at, _, others in self.states[edge] if at >= since and others >= count]
            if not full:
                return None
            times.append(full[0])
        return max(times) if times else None


class Witness:
    """When which process of a service ran: lines of lab/witness."""

    def __init__(self, folder, service):
        self.path, self.read, self.lines = os.path.join(folder, service), 0, []

    def new_lines(self):
        """(replica, when its process started, when it wrote), seconds since 1970, since the last call."""
        with open(self.path) as f:
            f.seek(self.read)
            text = f.read()
        whole = text[:text.rfind("\n") + 1]
        self.read += len(whole)
        return [(replica, int(started) / 1e9, int(now) / 1e9) for replica, started, now in (line.split() for line in whole.splitlines())]


def spans(lines):
    """(process, from, to) of uninterrupted running."""
    out, open_spans = [], {}
    for replica, started, now in sorted(lines, key=lambda line: line[2]):
        process = (replica, started)
        span = open_spans.get(process)
        if span is None or now - span[2] > STILL_S:
            span = open_spans[process] = [process, now, now]
            out.append(span)
        span[2] = now
    return [tuple(span) for span in out]


def overlaps(lines):
    """Seconds for which two processes ran at the same time, one entry for each such case."""
    found, all_spans = [], spans(lines)
    for i, (process, begin, end) in enumerate(all_spans):
        for other, other_begin, other_end in all_spans[i + 1:]:
            both = min(end, other_end) - max(begin, other_begin)
            if other != process and both >= 0:
                found.append(both)
    return found
