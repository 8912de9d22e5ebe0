#!/usr/bin/env python3
"""Scale to zero and from zero behind the load balancer: requests wait for the first replica, none is lost."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "bench"))
from harness import Cluster, E2eTest, Requests, main, wait  # noqa: E402
from zero import PARTS, one_round  # noqa: E402


class ZeroTest(E2eTest):
    def test_requests_of_any_size_wait_for_the_first_replica(self):
        with Cluster("zero") as c:
            c.start(redis=False)
            c.up({"web": c.web_at_zero()})
            c.at_rest()
            wait("the service has come", lambda: c.edge_reloads() == 1)
            small, large = Requests(c.web_port, 90), Requests(c.web_port, 10, body=b"x" * 2_000_000)
            self.assertEqual([], small.join().failed)
            self.assertEqual([], large.join().failed)
            decisions = [e["message"] for e in c.events() if e.get("type") == "decision" and " 0 → " in e.get("message", "")]
            self.assertEqual(1, len(decisions), decisions)
            self.assertIn("in_flight", decisions[0])
            self.assertEqual(1, c.edge_reloads(), "R6.5: no replica that comes or goes reloads the balancer")

    def test_zero_and_one_in_turn_lose_nothing(self):
        with Cluster("turns") as c:
            c.start(redis=False)
            c.up({"web": c.web_at_zero()})
            for turn in range(3):
                c.at_rest()
                self.assertEqual([], Requests(c.web_port, 3).join().failed, turn)
                # What comes at the moment at which the last replica leaves waits for the next one.
                wait("it goes", lambda: c.service("web")["desired"] == 0, 30, 0.005)
                late = [Requests(c.web_port, 1) for _ in range(3) if time.sleep(0.03 * turn) is None]
                self.assertEqual([], [f for r in late for f in r.join().failed], turn)
            # A round of the benchmark: what the time from zero goes to, in the order in which it has to happen.
            cold = one_round(c, 100)
            print({part: round(cold[part], 3) for part in PARTS})
            self.assertEqual([], cold["failed"])
            steps = ["decided", "created", "started", "ready", "answered", "all"]
            self.assertEqual(steps, sorted(steps, key=cold.get), cold)

    def test_plain_connections_wait_too(self):
        with Cluster("zerotcp") as c:
            c.start(redis=False)
            service = c.web_at_zero()
            service["ports"] = [f"{c.web_port}:8000"]
            c.up({"web": service})
            c.at_rest()
            self.assertEqual([], Requests(c.web_port, 20).join().failed)

    def test_without_a_controller_they_wait_until_it_is_back(self):
        with Cluster("zerokill") as c:
            c.start(redis=False)
            c.up({"web": c.web_at_zero()})
            c.at_rest()
            c.controller.kill9()
            waiting = Requests(c.web_port, 5)
            time.sleep(2)
            self.assertEqual([], waiting.failed)
            c.start_controller()
            self.assertEqual([], waiting.join().failed)


if __name__ == "__main__":
    main()
