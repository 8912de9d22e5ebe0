#!/usr/bin/env python3
"""A cluster of real hosts under faults: what is lost, what runs twice, and how long everything takes.

  tests/bench/faults.py [--rounds 100] [--hosts 5] [--seed 1] [--first 1] [--kinds kill,cut,...] [--long 0.7] [-o json]

Hosts of tests/lab with a dockerd each, agents on all, HAProxy on hosts 1 and 2, the controller beside them. A web
service of six replicas under requests of clients that never retry, a queue on Redis with workers that acknowledge after
the work, a singleton, and a service with data of its own. Each round does one thing to one of the hosts or programs:
  kill            all processes of a host in one instant
  cut             a host off the network
  pause           a host frozen
  cut-pair        an edge and another host don't reach each other
  cut-controller  a host that the controller doesn't reach, while the others do
  engine          dockerd restarted; engine-live: with live-restore (hosts 2 and 4)
  controller      kill -9 at a random moment of a change, and started again
  agent           kill -9 of an agent, and started again
  reboot          a host shut down cleanly and booted
for some seconds, or until everything of the host is replaced (--long: how often, of the kinds where the controller
does not hear the host), then heals it and waits until all is as wanted. Each kind comes equally often. A round
depends on seed and number alone: --first N --rounds 1 repeats one.

Checked in each round:
  requests   those that fail were sent up to the moment when the balancers' own checks have the dead host out, at most 1.5 s
             after it is gone, and are no more than HAProxy sent there; without a dead host none fails. Clients of an edge
             whose own host is away are told apart: their address would move to the other (docs/balancers.md)
  jobs       none is lost; in the end each is done
  twice      10 s after the heal no replica runs that the store has elsewhere, and none at two places
  singleton  never two at once. One that was frozen while it was replaced runs on when it thaws, until its agent
             has looked at the clock: at most 1 s
  database   the service with data runs on the host of its data, and never twice at once
  converged  within 90 s of the heal everything is as wanted
Times, from the fault: suspect, lost (events); marked (no balancer has the dead host in rotation); replaced (event of
the last replica that is ready elsewhere), routed (all balancers have as many as wanted without the host), singleton
(another one writes); from the heal: single (nothing runs twice), settled. Exit code 1 when something was missed.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import time
import traceback
import unittest
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "e2e"))
from faults_bed import EDGES, REPLICAS, Bed, require_lab  # noqa: E402
from faults_kinds import KINDS  # noqa: E402
from faults_watch import EdgeWatch, Witness, overlaps  # noqa: E402
from harness import Cluster, Failure, Lab, wait  # noqa: E402
from reaction import percentile, unix  # noqa: E402

MARK_DOWN_S, SINGLE_S, THAW_S, CONVERGE_S = 1.5, 10, 1, 90
TIMES = ("suspect", "lost", "marked", "replaced", "routed", "singleton", "single", "settled")


def deck(kinds, seed, count):
    """`count` kinds, shuffled, each as often as the others."""
    rng, out = random.Random(f"{seed}-deck"), []
    while len(out) < count:
        out += rng.sample(kinds, len(kinds))
    return out[:count]


class Round:
    """One fault, from a cluster that is as wanted to one that is so again."""

    def __init__(self, bed, number, fault, witnesses):
        self.bed, self.number, self.fault, self.witnesses = bed, number, fault, witnesses
        self.times, self.missed = {}, []
        self.requests = {"failed": 0, "sent_there": 0, "outside": 0, "at_away_edge": 0}

    def miss(self, text):
        self.missed.append(text)

    def run(self):
        """False: the cluster is not as wanted afterwards."""
        try:
            self.strike_and_heal()
        except (Failure, OSError, ValueError, subprocess.SubprocessError) as e:
            traceback.print_exc()
            self.miss(f"the round came to no end: {e}")
        return "settled" in self.times

    def strike_and_heal(self):
        bed, fault = self.bed, self.fault
        last_event = max([int(e["id"]) for e in bed.events()] or [0])
        self.db_home = bed.host_of("db")
        self.watch = EdgeWatch(bed, [edge for edge in EDGES if edge != fault.away()], fault.struck())
        self.struck_at = time.time()
        fault.strike()
        self.gone_at = time.time()
        for service in fault.hold():
            self.miss(f"{service} was not replaced within 60 s")
        self.heal_at = time.time()  # no later than the first effect of the heal
        events = bed.events(last_event) if fault.name != "controller" else []
        self.watch.end()
        fault.heal()
        self.healed_at = time.time()
        self.converge()
        self.judge_events(events)
        self.judge_requests()
        self.judge_witnesses()

    # ---- after the heal ----

    def converge(self):
        """Notes when nothing runs twice any more, and when all is as wanted."""
        self.edge_back = self.healed_at
        if self.fault.away():
            wait("its balancer serves again", lambda: self.bed.edge_rows(self.fault.host) and self.serves(self.fault.host), 60, 0.1)
            self.edge_back = time.time()
        try:
            extras = wait("nothing runs twice", lambda: not self.bed.superseded(), 60, 0.2)
        except Failure:
            extras = None
        self.times["single"] = time.time() - self.healed_at
        if not extras or self.times["single"] > SINGLE_S:
            self.miss(f"{self.times['single']:.1f} s after the heal there was still: {', '.join(self.bed.superseded()) or 'nothing'}")
        try:
            self.bed.wait_settled(CONVERGE_S)
            self.times["settled"] = time.time() - self.healed_at
        except Failure as e:
            self.miss(f"not converged: {e}")
        try:
            wait("no job is lost", lambda: self.bed.c.redis.jobs()["lost"] == 0, 10)
        except Failure as e:
            self.miss(str(e))

    def serves(self, edge):
        with urllib.request.urlopen(f"http://{self.bed.lab.addr(edge)}:{self.bed.c.web_port}/healthz", timeout=2) as answer:
            return answer.status == 200

    # ---- judging ----

    def judge_events(self, events):
        """Times from the controller's events; `events`: those up to the heal."""
        node = self.bed.c.node(f"host{self.fault.host}").get("id")
        first = lambda reason: next((unix(e["at"]) for e in events if e.get("reason") == reason and e.get("nodeId") == node), None)
        points = {"suspect": first("NodeSuspect"), "lost": first("NodeLost"), "marked": self.watch.marked_down_at(self.struck_at)}
        ready = [unix(e["at"]) for e in events if e.get("reason") == "ReplicaReady" and e.get("service") == "web"]
        if self.fault.long and ready:
            points["replaced"] = ready[-1]
            points["routed"] = self.watch.routed_at(points["lost"] or self.struck_at, REPLICAS)
        self.times.update({name: at - self.struck_at for name, at in points.items() if at is not None})
        if self.fault.long and points["lost"] is None:
            self.miss("its host was never lost")

    def judge_requests(self):
        """What failed, and whether it may."""
        in_window, outside, at_away = 0, [], 0
        for edge, clients in self.bed.clients.items():
            for begin, end, why in clients.failures():
                if edge == self.fault.away() and end >= self.struck_at and begin <= self.edge_back:
                    at_away += 1
                elif self.fault.struck() and end >= self.struck_at and begin <= self.gone_at + MARK_DOWN_S:
                    in_window += 1
                else:
                    outside.append(f"{why} at host{edge} {begin - self.struck_at:+.2f} s")
        self.requests = {"failed": in_window, "sent_there": self.watch.sent, "outside": len(outside), "at_away_edge": at_away}
        if outside:
            self.miss(f"{len(outside)} requests failed for no dead host: {'; '.join(outside[:3])}")
        if in_window > self.watch.sent:
            self.miss(f"{in_window} requests failed, {self.watch.sent} were sent to the dead host")

    def judge_witnesses(self):
        cron = self.witnesses["cron"].new_lines()
        lengths = overlaps(cron)
        limit = THAW_S if self.fault.name == "pause" else -1
        if lengths:
            self.times["overlap"] = max(lengths)
        if any(length > limit for length in lengths):
            self.miss(f"two singletons at once for {max(lengths):.1f} s")
        others = [at for _, started, at in cron if started > self.struck_at]
        if self.fault.long and others:
            self.times["singleton"] = min(others) - self.struck_at
        db = overlaps(self.witnesses["db"].new_lines())
        if db:
            self.miss(f"two databases at once for {max(db):.1f} s")
        elsewhere = [row for row in self.bed.containers() if row["service"] == "db" and row["host"] != self.db_home]
        if elsewhere:
            self.miss(f"the database moved from host{self.db_home} to host{elsewhere[0]['host']}")

    def row(self):
        return {"round": self.number, "kind": self.fault.name, "fault": str(self.fault), "requests": self.requests,
                "times": {name: round(at, 2) for name, at in self.times.items()}, "missed": self.missed}


def show(row):
    times = "  ".join(f"{name} {at:.1f}" for name, at in row["times"].items())
    requests = "  ".join(f"{name} {count}" for name, count in row["requests"].items() if count)
    print(f"#{row['round']:<3} {row['fault']:44} {times}  {requests}  {'MISSED: ' + '; '.join(row['missed']) if row['missed'] else 'ok'}", flush=True)


def measure(args):
    rows = []
    live = [host for host in range(1, args.hosts + 1) if host % 2 == 0]
    kinds = deck(args.kinds.split(","), args.seed, args.first - 1 + args.rounds)
    with Lab(args.hosts, live_restore=live) as lab, Cluster("faults", lab=lab) as c:
        bed = Bed(lab, c, args.rate)
        bed.live_hosts = live
        bed.start()
        witnesses = {name: Witness(bed.witness_dir, name) for name in ("cron", "db")}
        for number in range(args.first, args.first + args.rounds):
            rng = random.Random(f"{args.seed}-{number}")
            this = Round(bed, number, KINDS[kinds[number - 1]](bed, rng, rng.random() < args.long), witnesses)
            whole = this.run()
            rows.append(this.row())
            if args.output == "text":
                show(rows[-1])
            if not whole:
                c.show()
                break
        return rows, bed.finish()


def summary(rows, end):
    times = {}
    for name in (*TIMES, "overlap"):
        values = [row["times"][name] for row in rows if name in row["times"]]
        if values:
            times[name] = {"n": len(values), "median_s": round(percentile(values, 0.5), 2), "p99_s": round(percentile(values, 0.99), 2)}
    jobs = end["jobs"]
    lost = jobs["pushed"] - jobs["done"]
    kinds = {kind: {"rounds": len(of), **{key: sum(r["requests"][key] for r in of) for key in of[0]["requests"]}}
             for kind in KINDS if (of := [row for row in rows if row["kind"] == kind])}
    return {"rounds": len(rows), **end, "lost_jobs": lost, "kinds": kinds, "times": times,
            "missed": sum(bool(row["missed"]) for row in rows), "met": lost == 0 and not any(row["missed"] for row in rows)}


def show_summary(result):
    for kind, numbers in result["kinds"].items():
        print(f"{kind:15}" + "  ".join(f"{key} {value}" for key, value in numbers.items()))
    for name, numbers in result["times"].items():
        print(f"{name:15}median {numbers['median_s']:.2f} s  p99 {numbers['p99_s']:.2f} s  ({numbers['n']})")
    print(f"requests {result['requests']}  p99 {result['p99_ms']} ms  jobs {result['jobs']}  lost {result['lost_jobs']}")
    print(f"{result['rounds']} rounds, {result['missed']} with something missed: " + ("met" if result["met"] else "MISSED"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--hosts", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=1, help="number of the first round")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--long", type=float, default=0.7)
    parser.add_argument("--rate", type=float, default=60, help="requests a second at each edge")
    parser.add_argument("-o", "--output", choices=["text", "json"], default="text")
    args = parser.parse_args()
    try:
        require_lab()
    except unittest.SkipTest as reason:
        print(f"skipped: {reason}")
        return 77
    rows, end = measure(args)
    result = summary(rows, end)
    if args.output == "json":
        print(json.dumps({**result, "seed": args.seed, "each": rows}))
    else:
        show_summary(result)
    return 0 if result["met"] else 1


if __name__ == "__main__":
    sys.exit(main())
