#!/usr/bin/env python3
"""Runs every policy on every trace and judges the decision engine by goals G1 to G9.

  tests/bench/policies.py [--quick] [--seeds N] [--jobs N] [--report-only] [--out docs/results/policies.md]

Traces: tests/traces, and ../shared/traces (DROVER_SHARED/traces) where it is. Both start-up settings,
five seeds, every baseline swept over its main parameter. What was run is kept in BUILD/policies and not run
again; runs of drover itself are kept for the program they were made with. --quick: one seed, and no trace
longer than a day. The report takes what is there and says how many seeds it has.
"""
import argparse
import concurrent.futures
import csv
import hashlib
import json
import math
import os
import statistics
import subprocess
import sys
import time

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
STARTUPS = {"container": "5:15", "node": "45:120"}
HARDEST = ("llm_azure2023_code_1s", "faas_azure2019_burst_1m", "synthetic_spike_1s")
DENSE = ("web_worldcup98_group_1m", "web_nasa_jul1995_1m")
YARDSTICKS = ("rate-oracle", "clairvoyant")
DEFAULTS = {"hpa": 70, "hpa seeded": 70, "keda": 1, "keda seeded": 1, "kpa": 70, "kpa seeded": 70, "target-tracking": 70, "step": 70,
            "react": 1.2, "hist": 90, "reg": 1.05, "adapt": 1.1, "conpaas": 1, "autoscale--": 120}
DISTURBANCES = {"doubled": "job length doubles mid-run", "spike": "10-fold load for 30 min", "failing": "10 % of starts fail"}
T95 = [0, 12.706, 4.303, 3.182, 2.776]


# ---- running ----

def traces(quick):
    """(name, file, params) of every trace that is there, shortest first."""
    folders = [os.path.join(ROOT, "tests/traces"), os.path.join(os.environ.get("DROVER_SHARED", os.path.join(ROOT, "../shared")), "traces")]
    found = []
    for folder in folders:
        params = os.path.join(folder, "params.csv")
        if not os.path.exists(params):
            continue
        with open(params, encoding="utf-8") as f:
            for row in csv.DictReader(f):
                path = os.path.join(folder, row["trace"] + ".csv")
                with open(path, encoding="utf-8") as trace:
                    hours = float([line for line in trace if line[0].isdigit()][-1].split(",")[0]) / 3600
                if hours <= 24 or not quick:
                    found.append((hours, row["trace"], path, params))
    return [t[1:] for t in sorted(found)]


class Runs:
    """What was run, by (kind, trace, start-up, seed)."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        os.makedirs(folder, exist_ok=True)
        with open(program, "rb") as f:
            self.print = hashlib.sha256(f.read()).hexdigest()[:12]

    def file(self, kind, trace, startup, seed):
        own = "" if kind == "all" else "-" + self.print
        return os.path.join(self.folder, f"{kind}{own}-{trace}-{startup}-{seed}.json")

    def run(self, kind, trace, startup, seed):
        name, path, params = trace
        out = self.file(kind, name, startup, seed)
        if os.path.exists(out):
            return False
        text = subprocess.run([self.program, path, params, STARTUPS[startup], str(seed), kind], capture_output=True, text=True, check=True).stdout
        with open(out + ".part", "w", encoding="utf-8") as f:
            f.write(text)
        os.rename(out + ".part", out)
        return True

    def read(self, kind, trace, startup, seed):
        out = self.file(kind, trace, startup, seed)
        if not os.path.exists(out):
            return []
        with open(out, encoding="utf-8") as f:
            return json.load(f)


def run_all(runs, all_traces, seeds, jobs):
    tasks = [(kind, trace, startup, seed) for seed in seeds for kind in ("drover", "disturbed", "all") for trace in all_traces for startup in STARTUPS
             if kind != "disturbed" or startup == "container"]
    start, done = time.time(), 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for future in concurrent.futures.as_completed([pool.submit(runs.run, *task) for task in tasks]):
            future.result()
            done += 1
            if sys.stderr.isatty():
                print(f"\r{done} of {len(tasks)}, {time.time() - start:.0f} s", end="", file=sys.stderr, flush=True)


# ---- figures ----

class Cell:
    """One policy and target on one trace: means over seeds."""

    def __init__(self, results):
        self.results = results

    def mean(self, key):
        return statistics.fmean(r[key] for r in self.results)

    def interval(self, key):
        n = len(self.results)
        return T95[min(n - 1, 4)] * statistics.stdev(r[key] for r in self.results) / math.sqrt(n) if n > 1 else 0

    @property
    def late(self):
        return self.mean("late_percent")

    @property
    def cost(self):
        return statistics.fmean(r["replica_hours"] / min(r["rate_oracle_hours"], r["clairvoyant_hours"]) for r in self.results)

    def sigma(self):
        return sum(self.mean(k) ** 5 for k in ("theta_u", "theta_o", "tau_u", "tau_o", "instability")) ** 0.2


class Table:
    """cells[startup][trace][(policy, target)], of the seeds that both drover and the baselines have."""

    def __init__(self, runs, all_traces, seeds):
        self.cells, self.seeds, self.disturbed = {}, {}, {}
        for startup in STARTUPS:
            self.cells[startup] = {}
            for name, _, _ in all_traces:
                groups, count = {}, 0
                for seed in seeds:
                    base, own = runs.read("all", name, startup, seed), runs.read("drover", name, startup, seed)
                    if not base or not own:
                        continue
                    count += 1
                    for r in base + own:
                        key = (r["policy"], None if r["policy"] == "drover" else r["target"])
                        groups.setdefault(key, []).append(r)
                if count:
                    self.cells[startup][name] = {key: Cell(results) for key, results in groups.items()}
                    self.seeds[startup, name] = count
        for name, _, _ in all_traces:
            groups = {}
            for seed in seeds:
                for r in runs.read("disturbed", name, "container", seed):
                    groups.setdefault(r["policy"].split()[0], []).append(r)
            self.disturbed[name] = {key: Cell(results) for key, results in groups.items()}

    def drover(self, startup, trace):
        return self.cells[startup][trace]["drover", None]

    def defaults(self, startup, trace):
        return {p: self.cells[startup][trace][p, t] for p, t in DEFAULTS.items() if (p, t) in self.cells[startup][trace]}


def geometric(values):
    return math.exp(statistics.fmean(math.log(v) for v in values)) if values else float("nan")


def wilcoxon(differences):
    """Two-sided exact p of the signed-rank test; zeros are left out, ties share their ranks."""
    d = sorted((abs(x), x > 0) for x in differences if x != 0)
    if not d:
        return 1.0
    ranks, i = [], 0
    while i < len(d):
        j = i
        while j < len(d) and d[j][0] == d[i][0]:
            j += 1
        ranks += [i + j + 1] * (j - i)  # twice the mean rank, whole
        i = j
    counts = {0: 1}
    for rank in ranks:
        following = dict(counts)
        for total, ways in counts.items():
            following[total + rank] = following.get(total + rank, 0) + ways
        counts = following
    positive = sum(rank for rank, (_, up) in zip(ranks, d) if up)
    least = min(positive, sum(ranks) - positive)
    return min(1.0, 2 * sum(ways for total, ways in counts.items() if total <= least) / 2 ** len(d))


# ---- goals ----

def dominators(table, startup, trace):
    """Baseline settings that cost over 2 % less and have over 0.1 points fewer late jobs."""
    own = table.drover(startup, trace)
    return [f"{policy} {target:g} ({cell.late:.2f} %, {cell.cost:.2f} L)" for (policy, target), cell in table.cells[startup][trace].items()
            if policy not in YARDSTICKS + ("drover",) and cell.cost < 0.98 * own.cost and cell.late < own.late - 0.1]


def judge(table, given):
    """(goal, met, words) of G1 to G9 over the traces `given`."""
    c = [t for t in given if t in table.cells["container"]]
    n = [t for t in given if t in table.cells["node"]]
    for startup, names in (("container", c), ("node", n)):
        bad = {t: d for t in names if (d := dominators(table, startup, t))}
        yield f"G1 not dominated, {startup}", not bad, "; ".join(f"{t}: by {', '.join(d[:3])}{' …' if len(d) > 3 else ''}" for t, d in bad.items()) or "on no trace"
    late = {t: table.drover("container", t).late for t in c if t not in HARDEST}
    yield "G2 late <= 1 %, container, but G7's", all(v <= 1 for v in late.values()), worst(late)
    late = {t: table.drover("node", t).late for t in n}
    share = sum(v <= 1 for v in late.values())
    yield "G3 late <= 1 % on most, < 5 % on all, node", share * 2 > len(late) and all(v < 5 for v in late.values()), f"<= 1 % on {share} of {len(late)}; {worst(late)}"
    for goal, startup, names, most in (("G4", "container", c, 1.30), ("G5", "node", n, 1.50)):
        cost = geometric([table.drover(startup, t).cost for t in names])
        kpa = geometric([table.cells[startup][t]["kpa", 70].cost for t in names])
        yield f"{goal} cost / L <= {most:.2f}, {startup}", cost <= most, f"{cost:.3f} (kpa {kpa:.3f})"
    for startup, most in (("container", 1.05), ("node", 1.15)):
        dense = {t: table.drover(startup, t) for t in DENSE if t in table.cells[startup]}
        if not dense:
            continue
        met = all(x.cost <= most and x.late <= 1 for x in dense.values())
        yield f"G6 dense diurnal <= {most:.2f} L, {startup}", met, ", ".join(f"{t}: {x.cost:.3f} L, {x.late:.2f} %" for t, x in dense.items())
    for t in HARDEST:
        if t in c:
            own, all_defaults = table.drover("container", t), table.defaults("container", t)
            name = min(all_defaults, key=lambda p: all_defaults[p].late)
            best = all_defaults[name]
            yield f"G7 {t}", own.late <= best.late / 2 and own.cost <= best.cost, f"{own.late:.2f} % at {own.cost:.2f} L; {name}: {best.late:.2f} % at {best.cost:.2f} L"
    for startup, names in (("container", c), ("node", n)):
        bad = [f"{t}: {table.drover(startup, t).mean('actions_per_hour'):.0f} actions/h (kpa {table.cells[startup][t]['kpa', 70].mean('actions_per_hour'):.0f}), "
               f"{table.drover(startup, t).mean('restarts_per_hour'):.1f} restarts/h" for t in names
               if table.drover(startup, t).mean("actions_per_hour") > table.cells[startup][t]["kpa", 70].mean("actions_per_hour")
               or table.drover(startup, t).mean("restarts_per_hour") > 0]
        yield f"G8 stability, {startup}", not bad, "; ".join(bad) or "fewer actions than kpa, no launch within the mean start-up after a removal"
    for key, words in DISTURBANCES.items():
        settled = {t: (table.disturbed[t][key].mean("settled_late_percent"), table.drover("container", t).mean("settled_late_percent")) for t in c if key in table.disturbed[t]}
        bad = [f"{t}: {a:.2f} % (undisturbed {b:.2f} %)" for t, (a, b) in settled.items() if a > 2 * b + 0.1]
        yield f"G9 {words}", not bad and bool(settled), "; ".join(bad) or f"at most twice the undisturbed share (+ 0.1 points) on all {len(settled)}"


def worst(late):
    name = max(late, key=late.get) if late else ""
    return f"worst {name} {late[name]:.2f} %" if late else "no trace"


# ---- report ----

def policy_rows(table, startup, trace):
    wanted = [("drover", None)] + list(DEFAULTS.items()) + [("window", 60), ("rate-oracle", None), ("clairvoyant", None)]
    for policy, target in wanted:
        cell = table.cells[startup][trace].get((policy, target))
        if cell:
            numbers = [f"{cell.late:.2f} ± {cell.interval('late_percent'):.2f}"]
            numbers += [f"{cell.mean(k):.1f}" for k in ("wait_p50_s", "wait_p95_s", "wait_p99_s", "wait_max_s", "worst_hour_late_percent", "replica_hours")]
            numbers += [f"{cell.cost:.3f}", f"{cell.mean('replica_hours') / cell.mean('rate_oracle_hours'):.2f}", f"{cell.mean('cost_over_work_bound'):.2f}"]
            numbers += [f"{cell.mean(k):.1f}" for k in ("actions_per_hour", "launches_per_hour", "theta_u", "theta_o", "tau_u", "tau_o", "instability")]
            numbers += [f"{cell.sigma():.0f}", f"{cell.mean('cpu_per_decision_us'):.1f}"]
            yield f"| {policy}{'' if target is None else f' {target:g}'} | " + " | ".join(numbers) + " |"


def report(table, given, own, command):
    commit = subprocess.run(["git", "-C", ROOT, "log", "-1", "--format=%h of %cs"], capture_output=True, text=True, check=True).stdout.strip()
    counts = sorted(set(table.seeds.values()))
    yield "# Scaling policies compared"
    yield ""
    yield f"Made by `{command}` at commit {commit}. Protocol: [simulator.md](../internals/simulator.md). L is the cheaper of the clairvoyant zero-wait"
    yield f"schedule and the rate oracle of the same draws. Seeds per cell: {' to '.join(str(x) for x in counts[:1] + counts[1:][-1:])}; ± is the 95 % interval. `seeded`: the peer begins"
    yield "with the first count in its windows, as it does on a running service; without it, the peer begins without memory, as in the protocol's table."
    for title, names in (("the published traces", given), ("our own synthetic traces", own)):
        if not [t for t in names if t in table.cells["container"]]:
            continue
        yield ""
        yield f"## Goals, {title}"
        yield ""
        yield "| goal | met | figures |"
        yield "| --- | --- | --- |"
        for goal, met, words in judge(table, names):
            yield f"| {goal} | {'yes' if met else '**no**'} | {words} |"
    yield ""
    yield "## drover against each default, over all traces"
    yield ""
    yield "Median difference drover − baseline, and p of the two-sided Wilcoxon signed-rank test over traces."
    for startup, by_trace in table.cells.items():
        yield ""
        yield f"| {startup} | late, points | p | cost / L | p |"
        yield "| --- | --: | --: | --: | --: |"
        for policy in DEFAULTS:
            pairs = [(table.drover(startup, t), table.defaults(startup, t)[policy]) for t in by_trace if policy in table.defaults(startup, t)]
            if pairs:
                late, cost = [a.late - b.late for a, b in pairs], [a.cost - b.cost for a, b in pairs]
                yield f"| {policy} {DEFAULTS[policy]:g} | {statistics.median(late):+.2f} | {wilcoxon(late):.3f} | {statistics.median(cost):+.2f} | {wilcoxon(cost):.3f} |"
    for startup, by_trace in table.cells.items():
        yield ""
        yield f"## All defaults, start-up {startup} ({STARTUPS[startup].replace(':', ' to ')} s)"
        for trace in by_trace:
            yield ""
            yield f"### {trace}"
            yield ""
            yield ("| policy | late % | p50 s | p95 s | p99 s | max s | worst hour late % | replica h | / L | / R* | / work | actions/h | launches/h | θ_U | θ_O | τ_U | τ_O "
                   "| υ | σ | µs a decision |")
            yield "| --- |" + " --: |" * 19
            yield from policy_rows(table, startup, trace)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--report-only", action="store_true")
    parser.add_argument("--build", default=os.path.join(ROOT, "build/release"))
    parser.add_argument("--out", default=os.path.join(ROOT, "docs/results/policies.md"))
    options = parser.parse_args()
    all_traces = traces(options.quick)
    seeds = [1] if options.quick else range(1, options.seeds + 1)
    runs = Runs(os.path.join(options.build, "bin/drover-policies"), os.path.join(options.build, "policies"))
    if not options.report_only:
        run_all(runs, all_traces, seeds, options.jobs)
    table = Table(runs, all_traces, seeds)
    own = [name for name, path, _ in all_traces if path.startswith(os.path.join(ROOT, "tests/traces"))]
    given = [name for name, _, _ in all_traces if name not in own]
    command = "tests/bench/policies.py" + (" --quick" if options.quick else f" --seeds {options.seeds}")  # what decides the figures
    os.makedirs(os.path.dirname(options.out), exist_ok=True)
    with open(options.out, "w", encoding="utf-8") as out:
        out.writelines(line + "\n" for line in report(table, given, own, command))
    for goal, met, words in judge(table, given or own):
        print(f"{'met ' if met else 'NOT '} {goal}: {words}")


if __name__ == "__main__":
    main()
