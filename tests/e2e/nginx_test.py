#!/usr/bin/env python3
"""nginx as the balancer, and nginx in front of one that never reloads (docs/balancers.md)."""
import os
import signal
import time
import unittest
import urllib.error

from harness import NGINX, Cluster, E2eTest, main, run, wait


@unittest.skipUnless(NGINX, "nginx is not installed")
class NginxTest(E2eTest):
    def start(self, c, replicas, edge="nginx"):
        c.start(redis=False, edge=edge)
        service = c.web()
        service["ports"] = [{"target": 8000, "published": str(c.web_port), "app_protocol": "http"}]
        del service["deploy"]["x-autoscale"]
        service["deploy"]["replicas"] = replicas
        c.up({"web": service})
        c.wait_web()

    def scale(self, c, count):
        c.drover("scale", f"{c.stack}/web={count}")
        c.wait_service("web", 90, desired=count, ready=count, draining=0)

    def test_replicas_come_and_go_and_a_request_in_hand_is_finished(self):
        with Cluster("nginx") as c:
            self.start(c, 1)
            self.assertEqual(1, len(c.balancer_pids("nginx")))
            steady = c.http_load("/", 100, 60)
            self.scale(c, 3)
            slow = c.http_load("/sleep?ms=4000", 8, 6, connections=32)
            time.sleep(2)  # each replica has some of them in hand
            self.scale(c, 1)
            self.assertEqual(1, len(c.containers("web")))
            # A client with keep-alive may meet a reload in the very moment of sending: docs/balancers.md.
            in_hand = slow.result()
            self.assertLessEqual(in_hand["failed"], 1, in_hand)
            result = steady.stop()
            self.assertLessEqual(result["failed"], max(3, result["requests"] // 200), result)

    def test_nginx_and_agent_killed(self):
        with Cluster("knginx") as c:
            self.start(c, 2)
            master = c.balancer_pids("nginx")
            self.assertEqual(1, len(master), master)
            c.agents[0].process.kill9()
            for _ in range(20):
                self.assertTrue(c.ask_web())  # without an agent
            c.agents[0].process.start()
            wait("the agent is back", lambda: c.node("host1").get("status") == "UP")
            self.scale(c, 3)
            self.assertEqual(master, c.balancer_pids("nginx"))
            os.kill(master[0], signal.SIGKILL)
            wait("another nginx runs", lambda: c.balancer_pids("nginx") not in ([], master), 10)
            c.wait_web()
            self.scale(c, 1)

    def test_killed_while_no_agent_lives(self):
        """R6.4: back within 2 s, with the right backends, also when only its master was killed."""
        with Cluster("nkeep") as c:
            self.start(c, 2)
            wait("it has a keeper", lambda: len(c.keeper_pids()) == 1)
            c.agents[0].process.kill9()
            master, = c.balancer_pids("nginx")
            for master_alone in (True, False):
                run("kill", "-KILL", master, *([] if master_alone else c.children(master)))
                wait("another master runs", lambda: c.balancer_pids("nginx") not in ([], [master]), 2, 0.02)
                wait("it answers", c.ask_web, 2, 0.02)
                master, = c.balancer_pids("nginx")
            c.agents[0].process.start()
            wait("the agent is back", lambda: c.node("host1").get("status") == "UP")
            self.scale(c, 1)
            self.assertEqual([master], c.balancer_pids("nginx"))
            self.assertEqual(1, len(c.keeper_pids()))

    def test_at_zero_the_first_request_is_refused_and_wakes_the_service(self):
        with Cluster("nzero") as c:
            c.start(redis=False, edge="nginx")
            c.up({"web": c.web_at_zero()})
            c.at_rest()
            with self.assertRaises(urllib.error.HTTPError) as refused:
                c.ask_web()
            self.assertEqual((503, "1"), (refused.exception.code, refused.exception.headers["Retry-After"]))
            refused.exception.close()
            c.wait_web()  # one request and those after it
            self.assertEqual([], [e for e in c.events() if e.get("reason") == "DrainBlocked"])
            c.at_rest()

    def test_behind_an_nginx_that_never_reloads_no_request_fails(self):
        with Cluster("fnginx") as c:
            self.start(c, 2, edge="haproxy")
            c.put_nginx_in_front()
            c.wait_web()
            steady = c.http_load("/", 200, 40)
            for count in (4, 1, 3):
                self.scale(c, count)
            result = steady.stop()
            self.assertEqual(0, result["failed"], result)


if __name__ == "__main__":
    main()
