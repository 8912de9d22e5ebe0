#!/usr/bin/env python3
"""Writes the synthetic load traces of this folder and their params.csv; the same bytes each time.

  tests/traces/generate.py

Poisson counts around a rate: step, ramp, spike, a day with noise, on/off bursts.
"""
import math
import os
import random

HERE = os.path.dirname(os.path.abspath(__file__))


def poisson(rng, mean):
    """By multiplication for small means, by the rounded normal for large ones."""
    if mean > 50:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, count, product = math.exp(-mean), 0, rng.random()
    while product > limit:
        count += 1
        product *= rng.random()
    return count


def step(t):
    return 15 if 1200 <= t < 3000 else 3


def ramp(t):
    return 2 + 28 * min(t / 2400, 1, max(0, (4200 - t) / 1200))


def spike(t):
    return 60 if 1800 <= t < 1860 or 3000 <= t < 3180 else 5


class Diurnal:
    """A day of minutes: a wave, a slow random walk on it, and two short flash crowds."""

    def __init__(self, rng):
        self.rng, self.walk = rng, 0.0

    def __call__(self, t):
        self.walk = 0.98 * self.walk + self.rng.gauss(0, 0.05)
        wave = 300 - 240 * math.cos(2 * math.pi * t / 86400)
        flash = 3 if 36000 <= t < 36600 or 64800 <= t < 65100 else 1
        return wave * math.exp(self.walk) * flash


class OnOff:
    """Quiet and busy times of random length."""

    def __init__(self, rng):
        self.rng, self.until, self.on = rng, 0, True

    def __call__(self, t):
        if t >= self.until:
            self.on = not self.on
            self.until = t + self.rng.expovariate(1 / (40 if self.on else 120))
        return 25 if self.on else 1


def write(name, bin_s, bins, rate, rng, about):
    counts = [poisson(rng, rate(i * bin_s)) for i in range(bins)]
    with open(os.path.join(HERE, name + ".csv"), "w", encoding="ascii") as out:
        out.write(f"# {about}\n# made by generate.py; no real data\nt_seconds,arrivals\n")
        out.writelines(f"{i * bin_s},{count}\n" for i, count in enumerate(counts))


def main():
    shapes = [
        ("own_step", 1, 4200, lambda rng: step, 2, 2, "3/s, 15/s for half an hour, 3/s"),
        ("own_ramp", 1, 4800, lambda rng: ramp, 3, 3, "2/s to 30/s in 40 minutes and back in 20"),
        ("own_spike", 1, 4200, lambda rng: spike, 1, 1, "5/s with a minute and three minutes of 60/s"),
        ("own_diurnal", 60, 1440, Diurnal, 5, 5, "a day with noise and two flash crowds"),
        ("own_onoff", 1, 3600, OnOff, 4, 4, "bursts of 25/s, 40 s long on average, every 160 s on average"),
    ]
    with open(os.path.join(HERE, "params.csv"), "w", encoding="ascii") as params:
        params.write("trace,service_s,thin,slo_wait_s\n")
        for seed, (name, bin_s, bins, make, service_s, slo_s, about) in enumerate(shapes, 1):
            rng = random.Random(seed)
            write(name, bin_s, bins, make(rng), rng, about)
            params.write(f"{name},{service_s},1,{slo_s}\n")


if __name__ == "__main__":
    main()
